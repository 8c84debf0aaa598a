"""How many answers one process has room for; apart from the engine, whose torch is heavy."""

from __future__ import annotations

ENGINES = 3
"""Students in memory at the same time."""
ROWS = 16
"""Answers of one student that are written at the same time."""
WAITING = 64
"""Answers of one student that wait for a row; whoever comes then is refused."""
OPEN_ANSWERS = ENGINES * (ROWS + WAITING)
"""Answers that may be open, written or waiting."""
