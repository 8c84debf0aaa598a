"""The page: tabs that talk to one Backend and know nothing of the model behind it."""
