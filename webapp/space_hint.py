"""A word under the page for those who meet it on a Hugging Face Space."""

from __future__ import annotations

import re

_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def space_hint_html(space: str) -> str:
    """What is shared here, and how to get a Space of one's own; empty if the name is no Space's."""
    if not _NAME.fullmatch(space):
        return ""
    link = f"https://huggingface.co/spaces/{space}?duplicate=true"
    return (
        "<p class='itr-muted' id='space-hint'>All visitors of this Space share its two cores, and "
        "what you teach is lost when it sleeps, unless it has a disk. "
        f"<a href='{link}' target='_blank' rel='noopener noreferrer'>Duplicate it</a> "
        "to have one of your own, with your own teacher.</p>"
    )
