"""Pieces of a long measurement, kept the moment they are there: a stopped one goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


class Ledger:
    """Measures every piece once. With a file, what it holds already is not measured again.

    A line of the file is a piece; one that was cut off by a crash is measured anew.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[tuple[str, str], Figures] = {}
        text = path.read_text() if path is not None and path.exists() else ""
        if path is not None and text and not text.endswith("\n"):
            path.write_text(text + "\n")
        for line in text.splitlines():
            self._remember(line)

    def once(self, piece: str, about: object, measure: Callable[[], Figures]) -> Figures:
        """The figures of a piece, measured unless they are known. They are plain JSON values.

        ``about`` is all that they depend on (weights, settings, sizes); its ``repr`` is compared.
        What was measured under another one stays in the file and is not taken.
        """
        of = hashlib.sha256(repr(about).encode()).hexdigest()[:12]
        if (piece, of) not in self._known:
            started, worked = time.monotonic(), time.process_time()
            figures = measure()
            told = {
                "piece": piece,
                "of": of,
                "wall_s": round(time.monotonic() - started, 1),
                "cpu_s": round(time.process_time() - worked, 1),
                "figures": figures,
            }
            line = json.dumps(told)
            print(line, flush=True)
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a") as file:
                    file.write(line + "\n")
            self._remember(line)
        return self._known[piece, of]

    def _remember(self, line: str) -> None:
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            return
        self._known[told["piece"], told["of"]] = told["figures"]
