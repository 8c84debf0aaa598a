"""Students on disk: a bundle is a folder that anyone can read."""
