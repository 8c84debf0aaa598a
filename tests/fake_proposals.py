"""The proposing side of the backend in memory: rules are the real ones, a teacher is prepared."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from model.config import ReadingConfig
from model.errors import InputError
from model.graph_records import Reading, ReadingJob, ReadingMatter
from model.records import TripletDraft
from model.serving.proposing import RuleReading


class FakeReading:
    """A teacher that finds one prepared triplet in each piece; stop is heard between them."""

    def __init__(self, model: str, drafts: Sequence[TripletDraft]) -> None:
        self.model, self.drafts = model, tuple(drafts)
        self.cancelled = threading.Event()

    def steps(self) -> Iterator[Reading]:
        pieces = len(self.drafts)
        read = 0
        yield Reading(self.model, "reading", 0, pieces)
        for read in range(1, pieces + 1):
            if self.cancelled.is_set():
                read -= 1
                break
            yield Reading(self.model, "reading", read, pieces, self.drafts[:read], remaining_s=4.0)
        state = "stopped" if self.cancelled.is_set() else "done"
        yield Reading(self.model, state, read, pieces, self.drafts[:read])  # type: ignore[arg-type]

    def cancel(self) -> None:
        self.cancelled.set()


class FakeProposals:
    """Tests put drafts into ``prepared``; a teacher proposes them, the rules do their own work."""

    prepared: Sequence[TripletDraft] = (
        TripletDraft("egg", "poach", "poached egg", confidence=0.9, author="llava:7b", origin="1"),
        TripletDraft("egg", "throw", "mess", confidence=0.3, author="llava:7b", origin="2"),
        TripletDraft("milk", "whip", "foam", confidence=0.8, author="llava:7b", origin="3"),
    )

    def propose(self, matter: ReadingMatter, config: ReadingConfig) -> ReadingJob:
        if not matter.text.strip() and not matter.pictures:
            raise InputError("There is nothing to read. Paste a text.")
        if config.teacher_model:
            return FakeReading(config.teacher_model, self.prepared)
        return RuleReading(matter)
