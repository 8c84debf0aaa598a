"""What the page may ask about proposed triplets; a part of ``webapp/backend.py``'s page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from model.config import ReadingConfig
from model.graph_records import ReadingJob, ReadingMatter
from model.records import Triplet, TripletDraft


class ProposalBackend(Protocol):
    """The readings of one visitor's workspace."""

    def propose(self, matter: ReadingMatter, config: ReadingConfig) -> ReadingJob:
        """Begin to read a text or pictures for triplets; stores none of them, returns at once.

        Raises: InputError if there is nothing that could be read.
        """
        ...

    def add_triplets(self, drafts: Sequence[TripletDraft]) -> Sequence[Triplet]:
        """Store all of the drafts or none; together they are one edit for undo."""
        ...
