"""Many clients of the API at once: nobody waits for a thread, whoever is too many is told so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from model.model import ImageTokenReasoningLLM
from model.serving.ollama_answering import READERS
from model.serving.room import OPEN_ANSWERS, WAITING
from tests.ollama_api_client import client_of, students_in

LIMIT_S = 60.0


def test_whoever_finds_every_place_taken_is_refused_instead_of_waiting(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    tiny_student.save(tmp_path / "bundle")
    held, go_on = threading.Event(), threading.Event()

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
            asked = [clients.submit(ask) for _ in range(WAITING + 1)]
            try:
                first = next(as_completed(asked, timeout=LIMIT_S)).result()
            finally:
                go_on.set()
            codes = sorted(each.result() for each in asked)
    assert first == 503
    assert codes == [200] * WAITING + [503]
    assert READERS > OPEN_ANSWERS, "other students may be as busy"
