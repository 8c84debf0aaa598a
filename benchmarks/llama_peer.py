"""Stock llama.cpp as a peer to measure against: the server of the ``xllamacpp`` wheel, in process.

It is asked over loopback, because only its HTTP side takes pictures between the words as Ollama
sends them (``multimodal_data``) and gives token ids back.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import xllamacpp
from PIL import Image

MARKER = "<__media__>"


@dataclass(frozen=True)
class Continuation:
    """What llama.cpp wrote: token ids, their log-probabilities, and the text."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str


class LlamaCpp:
    """One model of llama.cpp, on one thread. ``exact`` keeps keys and values in f32.

    Up to ``together`` answers are decoded as one batch, each with a ``context`` of its own.
    """

    def __init__(
        self,
        model: Path,
        eyes: Path | None = None,
        *,
        exact: bool,
        context: int,
        together: int = 1,
    ) -> None:
        os.environ["LLAMA_MEDIA_MARKER"] = MARKER  # else the server draws one at random
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        if eyes is not None:
            params.mmproj.path = str(eyes)
            params.mmproj_use_gpu = False
        params.n_ctx, params.n_parallel = context * together, together
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.warmup, params.verbosity = False, 0
        if exact:
            params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
            off = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
            params.flash_attn_type = off
        self._server = xllamacpp.Server(params)
        self._http = requests.Session()
        self._http.trust_env = False

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a prompt: with BOS, special tokens read as such."""
        body = {"content": text, "add_special": True, "parse_special": True}
        return list(self._post("/tokenize", body)["tokens"])

    def write(
        self, prompt: str, pictures: Sequence[Image.Image], tokens: int, *, go_on: bool = False
    ) -> Continuation:
        """The likeliest continuation of a prompt; with ``go_on`` past the end of the answer."""
        shown = [base64.b64encode(_png(picture)).decode() for picture in pictures]
        asked = {"prompt_string": prompt, "multimodal_data": shown} if shown else prompt
        body = {
            "prompt": asked,
            "n_predict": tokens,
            "temperature": 0,
            "n_probs": 1,
            "return_tokens": True,
            "cache_prompt": False,
            "ignore_eos": go_on,
        }
        reply = self._post("/completion", body)
        entries = reply["completion_probabilities"]
        return Continuation(
            tuple(entry["id"] for entry in entries),
            tuple(entry["logprob"] for entry in entries),
            reply["content"],
        )

    def seconds(self, prompt: str, tokens: int, answers: int = 1) -> float:
        """How long it takes to write so many tokens after a prompt, the prompt not counted.

        Of several answers at once the one that takes longest counts.
        """
        body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True}
        body["cache_prompt"] = False
        with ThreadPoolExecutor(answers) as pool:
            replies = list(pool.map(lambda _: self._post("/completion", body), range(answers)))
        return max(float(reply["timings"]["predicted_ms"]) for reply in replies) / 1000

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = self._http.post(f"{self._server.listening_address}{path}", json=body, timeout=120)
        reply.raise_for_status()
        return dict(reply.json())


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
