"""What an Ollama server makes of a question, and how it continues a text without a template."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from model.errors import TeacherReplyInvalid
from model.teachers.base import Question, TeacherAnswer
from model.teachers.ollama_chat import NANOSECONDS
from model.teachers.ollama_models import whole_number

RENDER_LIMIT_S = 120.0
"""A server renders with the model loaded, which may take its time."""
COMPLETE_LIMIT_S = 600.0


class RawOllama:
    """The raw side of a teacher on an Ollama server; fulfils ``base.CompletesRaw``."""

    model: str

    def _ask(
        self, method: str, path: str, deadline: float, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        raise NotImplementedError

    def rendered(self, question: Question) -> str:
        """The prompt that the server's template makes of a question.

        Raises: TeacherReplyInvalid if the server does not show it, as those before 0.11.5.
        """
        system = [{"role": "system", "content": question.system}] if question.system else []
        body = {
            "model": self.model,
            "messages": [*system, {"role": "user", "content": question.text}],
            "stream": False,
            "_debug_render_only": True,
        }
        shown = self._ask("POST", "/api/chat", time.monotonic() + RENDER_LIMIT_S, body)
        info = shown.get("_debug_info")
        text = info.get("rendered_template") if isinstance(info, dict) else None
        if not isinstance(text, str) or not text:
            raise TeacherReplyInvalid(
                f"The server does not show the template of “{self.model}”. Use Ollama 0.11.5 or "
                "newer, or let prompts be written another way."
            )
        return text

    def complete(
        self, text: str, *, temperature: float, max_tokens: int, seed: int, stop: Sequence[str]
    ) -> TeacherAnswer:
        """What the model writes after a text, up to one of the words in ``stop``.

        Raises: TeacherReplyInvalid if it writes nothing, or the server breaks off.
        """
        options = {"temperature": temperature, "num_predict": max_tokens, "seed": seed}
        body = {
            "model": self.model,
            "prompt": text,
            "raw": True,
            "stream": False,
            "options": {**options, "top_p": 1.0, "stop": list(stop)},
        }
        last = self._ask("POST", "/api/generate", time.monotonic() + COMPLETE_LIMIT_S, body)
        said = str(last.get("response") or "").strip()
        if last.get("done") is not True or not said:
            raise TeacherReplyInvalid(
                f"“{self.model}” continued a text with {len(said)} letters and "
                f"{'an' if last.get('done') is True else 'no'} end. Try again."
            )
        return TeacherAnswer(
            said,
            stopped_by=str(last.get("done_reason") or "stop"),
            tokens=whole_number(last.get("eval_count")),
            duration_s=whole_number(last.get("total_duration")) / NANOSECONDS,
            model=self.model,
        )
