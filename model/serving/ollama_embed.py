"""``/api/embed``: texts as unit vectors, the mean of a student's last hidden states.

No student was trained for it: near texts of its own world lie near each other, no more is promised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model.serving.ollama_body import Body
from model.serving.ollama_models import Served, ServedStudents
from model.serving.ollama_refusals import Refused

if TYPE_CHECKING:
    import torch

    from model.model import ImageTokenReasoningLLM
    from model.serving.engine import Engine

TOO_LONG = "the input length exceeds the context length"
MOST_TEXTS = 2048


@dataclass(frozen=True)
class Texts:
    """A request that was understood; 0 dimensions are all of them."""

    served: Served
    texts: tuple[str, ...]
    truncate: bool
    dimensions: int


def read_embed(values: Mapping[str, Any], served_students: ServedStudents) -> Texts:
    """A request to ``/api/embed``. Raises: Refused."""
    body = Body(values, "EmbedRequest")
    model, keep, given = body.text("model"), body.keep_alive_s(), values.get("input")
    truncate, dimensions = body.flag("truncate", True), body.number("dimensions")
    if given is None or given == "":
        given = []
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refused(400, "invalid input type")
    if len(texts) > MOST_TEXTS:
        raise Refused(400, f"{len(texts)} texts are too many for one request; send {MOST_TEXTS}")
    unknown = "model '{asked}' not found"
    if model:
        unknown = 'model "{asked}" not found, try pulling it first'
    served = served_students.find(model, unknown=unknown)
    served_students.keep(served, keep or None)
    return Texts(served, tuple(texts), truncate, dimensions)


def embed(wish: Texts, engine_of: Callable[[], Engine]) -> dict[str, Any]:
    """The answer to a request; blocks until all texts are embedded.

    Raises: Refused, EngineBusy, BundleError.
    """
    if not wish.texts:
        return {"model": wish.served.asked, "embeddings": []}
    started = time.monotonic()
    engine = engine_of()
    loaded = time.monotonic()
    all_ids = [_ids(engine.student, text, wish.truncate) for text in wish.texts]
    vectors = []
    for ids in all_ids:  # one at a time: answers go on between two of them
        vector_D = engine.run(lambda student, ids=ids: text_embedding(student, ids)).result()  # type: ignore[misc]
        vectors.append(_shortened(vector_D, wish.dimensions))
    return {
        "model": wish.served.asked,
        "embeddings": vectors,
        "total_duration": max(int((time.monotonic() - started) * 1e9), 1),
        "load_duration": max(int((loaded - started) * 1e9), 1),
        "prompt_eval_count": sum(len(ids) for ids in all_ids),
    }


def _ids(student: ImageTokenReasoningLLM, text: str, truncate: bool) -> list[int]:
    from model.network.text_tokenizer import defuse

    bos = student.config.chat.bos
    first = [student.tokenizer.id(bos)] if bos else []
    ids = [*first, *student.tokenizer.encode(defuse(text))]
    most = student.config.decoder.max_position_embeddings
    if len(ids) > most and not truncate:
        raise Refused(400, TOO_LONG)
    return ids[:most]


def text_embedding(student: ImageTokenReasoningLLM, ids: Sequence[int]) -> torch.Tensor:
    """The mean of the last hidden states of a text, of length 1. Returns (D)."""
    import torch

    with torch.inference_mode():
        hidden_BSD = student.model(student.model.embed_tokens(torch.tensor([list(ids)])))
    return torch.nn.functional.normalize(hidden_BSD[0].float().mean(0), dim=-1)


def _shortened(vector_D: torch.Tensor, dimensions: int) -> list[float]:
    import torch

    if 0 < dimensions < len(vector_D):
        vector_D = torch.nn.functional.normalize(vector_D[:dimensions], dim=-1)
    return [float(value) for value in vector_D]
