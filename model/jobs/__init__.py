"""Runs as child processes that talk to the app through the store alone."""
