"""What a person runs from a shell: ``python -m model.scripts.NAME``."""
