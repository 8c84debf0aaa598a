"""The drawn world: blocks and everyday things, questions about them and their exact answers."""
