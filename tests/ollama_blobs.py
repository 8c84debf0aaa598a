"""The test server's other side: blobs, ``/api/create``, and models that answer from their GGUF.

A model that was pushed is loaded from the very bytes that were sent, so the parity check after a
push compares two roads: the app's student, and what its exported files say.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from model.config import SampleConfig
from tests.ollama_setup import Model

MARK = re.compile(r"\[img-\d+\]")
Said = tuple[str, list[tuple[str, float]]]
Speak = Callable[[Any, str, list[Image.Image], int], Said]


class Refused(Exception):
    """An error answer of the server."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def speak_as_loaded(student: Any, text: str, images: list[Image.Image], tokens: int) -> Said:
    """The greedy continuation of a raw prompt, and its tokens with their log-probabilities."""
    from model.model import Prompt
    from model.network.image_tokenizer import to_pixels

    tokenizer, ids = student.tokenizer, []
    for number, piece in enumerate(MARK.split(f"<s>{text}")):
        slots = [student.image_id] * student.config.vision.num_patches
        ids += (slots if number else []) + tokenizer.encode(piece)
    prompt = Prompt(tuple(ids), to_pixels(images, student.config.vision.image_size))
    drawn = student.tokens(prompt, SampleConfig(max_tokens=tokens))
    said = [(index, chance) for index, chance in drawn if index not in student.end_ids]
    text = tokenizer.decode([index for index, _ in said])
    return text, [(tokenizer.decode([index]), chance) for index, chance in said]


@dataclass
class Made:
    """A model that was created here."""

    body: dict[str, Any]
    files: dict[str, bytes]
    speak: Speak = speak_as_loaded
    _student: Any = None

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a raw prompt, or what the template makes of messages."""
        if body.get("_debug_render_only"):
            return {"done": False, "_debug_info": {"rendered_template": self._render(body)}}
        images = [
            Image.open(io.BytesIO(base64.b64decode(picture))) for picture in body.get("images", [])
        ]
        limit = int(body["options"]["num_predict"])
        text, drawn = self.speak(self._loaded(), body["prompt"], images, limit)
        logprobs = [
            {"token": token, "logprob": chance, "bytes": list(token.encode())}
            for token, chance in drawn
        ]
        return {"response": text, "done": True, "done_reason": "stop", "logprobs": logprobs}

    def _render(self, body: dict[str, Any]) -> str:
        """ChatML, if that is what the template says; the Go language is not spoken here."""
        start, end = "<|im_start|>", "<|im_end|>\n"
        if f"{start}{{{{ .Role }}}}\n" not in self.body["template"]:
            return ""
        turns = [f"{start}{m['role']}\n{m['content']}{end}" for m in body["messages"]]
        return "".join(turns) + f"{start}assistant\n"

    def _loaded(self) -> Any:
        from model.model import ImageTokenReasoningLLM

        if self._student is None:
            with tempfile.TemporaryDirectory() as folder:
                for name, data in self.files.items():
                    (Path(folder) / name).write_bytes(data)
                self._student = ImageTokenReasoningLLM.load_from_bundle(folder)
        return self._student


class Blobs:
    """Files by digest, and the models that were made of them."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.made: dict[str, Made] = {}
        self.speak: Speak = speak_as_loaded
        self.fail_create = ""
        """An error in the middle of the stream of the next creates."""

    def has(self, path: str) -> bool:
        return path.rpartition("/")[2] in self.kept

    def take(self, path: str, data: bytes) -> int:
        """Keep a blob; returns the status. Raises: Refused in the server's words."""
        digest = path.rpartition("/")[2]
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise Refused(400, "invalid digest format")
        found = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if found != digest:
            raise Refused(400, f'digest mismatch, expected "{digest}", got "{found}"')
        status = 200 if digest in self.kept else 201
        self.kept[digest] = data
        return status

    def create(self, body: dict[str, Any]) -> list[dict[str, str]]:
        """Make a model; returns the lines of the stream. Raises: Refused."""
        if not body.get("files"):
            raise Refused(400, "neither 'from' or 'files' was specified")
        files = {name: self.kept.get(digest, b"") for name, digest in body["files"].items()}
        for data in files.values():
            if not data.startswith(b"GGUF"):
                raise Refused(400, "supplied file was not in GGUF format")
        lines = [{"status": "parsing GGUF"}]
        if self.fail_create:
            return [*lines, {"error": self.fail_create}]
        self.made[full(body["model"])] = Made(body, files, self.speak)
        made = [{"status": f"creating new layer {digest}"} for digest in body["files"].values()]
        ending = [{"status": "writing manifest"}, {"status": "success"}]
        return [*lines, {"status": "verifying conversion"}, *made, *ending]

    def model(self, name: str) -> Model:
        """The entry of a model that was made, for the server's list."""
        sees = "mmproj.gguf" in self.made[full(name)].files if full(name) in self.made else False
        return Model(full(name), ("completion", "vision") if sees else ("completion",), "5M")


def full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"
