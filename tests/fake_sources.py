"""Sources that cost nothing: a model on a server is one more prepared student."""

from __future__ import annotations

from typing import Any

from model.errors import TeacherUnavailable
from model.records import StudentId


class FakeSources:
    """Fulfils ``webapp.source_backend.SourceBackend`` for a ``FakeBackend``."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def add(self, address: str, model: str) -> StudentId:
        if not self._backend.ollama_up:
            raise TeacherUnavailable("No Ollama server answers.")
        student = StudentId(f"ollama:{address}#{model}")
        origin = f"on the Ollama server at {address}"
        self._backend.made[student] = self._backend._info(student, model, origin)
        return student
