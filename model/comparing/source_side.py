"""A model on a server that was added to the students, as a side of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

from model.compare_records import CompareTask, SideId, SideInfo
from model.comparing.contestants import given_fact
from model.config import SampleConfig
from model.knowledge.pictures import Pictures
from model.records import Answer, Turn
from model.serving.asking import Asking
from model.serving.remote import Source


class SourceSide:
    """Answers typed prompts as in the chat, with facts of the graph; drawn ones with their own."""

    def __init__(self, source: Source, asking: Asking, pictures: Pictures) -> None:
        self._source, self._asking, self._pictures = source, asking, pictures

    @property
    def info(self) -> SideInfo:
        """Who it is."""
        known = self._source.info()
        return SideInfo(
            SideId(known.id), "ollama", known.name, known.weights_hash, size_bytes=known.size_bytes
        )

    def answer(self, task: CompareTask, sampling: SampleConfig) -> Answer:
        """Begin to answer. Raises: InputError, EngineBusy, BundleError."""
        if not task.spec:
            turn = Turn("user", task.prompt, task.pictures, task.roles)
            return self._asking.answer_elsewhere([turn], sampling, self._source)
        pictures = [self._pictures.path(picture).read_bytes() for picture in task.pictures]
        facts = tuple(given_fact(line) for line in task.facts)
        return self._source.answer(task.prompt, pictures, facts, sampling)

    def losses(self, tasks: Sequence[CompareTask], texts: Sequence[str]) -> None:
        """No server tells what its model gives a text that it did not write itself."""
