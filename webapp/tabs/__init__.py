"""The five tabs, one file each: how it is drawn, how it is wired, and its handlers."""
