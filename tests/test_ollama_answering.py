"""Many clients of the API at once: nobody waits for a thread, whoever is too many is told so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model.model import ImageTokenReasoningLLM
from model.records import Event
from model.serving.event_queue import EventQueue
from model.serving.ollama_answering import READERS
from model.serving.room import OPEN_ANSWERS, WAITING
from tests.ollama_api_client import client_of, students_in

LIMIT_S = 60.0


def test_whoever_finds_every_place_taken_is_refused_instead_of_waiting(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_student.save(tmp_path / "bundle")
    held, go_on, reading = threading.Event(), threading.Event(), threading.Semaphore(0)
    get = EventQueue.get

    def counted(queue: EventQueue) -> Event:
        reading.release()
        return get(queue)

    monkeypatch.setattr(EventQueue, "get", counted)

    def hold(student: ImageTokenReasoningLLM) -> bool:
        held.set()
        return go_on.wait(LIMIT_S)

    with students_in(tmp_path / "students", tmp_path / "bundle") as students:
        api = client_of(students)

        def ask() -> int:
            asked: dict[str, Any] = {"model": "shipped", "prompt": "?", "stream": False}
            return api.post(
                "/api/generate", json=asked | {"options": {"num_predict": 1}}
            ).status_code

        with api, ThreadPoolExecutor(WAITING + 1) as clients:
            students.engine().run(hold)  # no answer leaves its place
            assert held.wait(LIMIT_S)
            try:
                asked = [clients.submit(ask) for _ in range(WAITING)]
                assert all(reading.acquire(timeout=LIMIT_S) for _ in asked)
                assert clients.submit(ask).result(LIMIT_S / 2) == 503
            finally:
                go_on.set()
            assert {each.result() for each in asked} == {200}
    assert READERS > OPEN_ANSWERS, "other students may be as busy"
