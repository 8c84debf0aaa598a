"""Answering many people with one model."""
