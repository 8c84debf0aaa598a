"""One file for each figure of the README; each prints a table, and JSON as its last line."""
