"""Answers that must be JSON: a schema becomes the set of tokens that may come next.

The grammar is kept by ``llguidance``, loaded when the first schema comes: 3 MB, one wheel for all
versions of Python, 0.02 to 0.1 ms for a step of a vocabulary of 2,048 tokens.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from model.errors import InputError
from model.network.text_tokenizer import EOS, IM_END, TextTokenizer

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

ANY_OBJECT: dict[str, Any] = {"type": "object"}
"""What ``format: "json"`` asks for."""
_TOKENIZERS: weakref.WeakKeyDictionary[TextTokenizer, tuple[int, LLTokenizer]] = (
    weakref.WeakKeyDictionary()
)


class JsonForm:
    """Holds one answer to a JSON schema; fulfils ``engine.Constraint``.

    No space is written between the parts: a small student would not stop writing it. An object
    whose ``properties`` are listed has no others unless the schema says so, as in llama.cpp.
    """

    def __init__(
        self,
        schema: dict[str, Any],
        tokenizer: TextTokenizer,
        vocab_size: int,
        ends: Sequence[int] = (),
    ) -> None:
        """``ends`` are the tokens that end an answer; none: those of the students made here.

        Raises: InputError if the schema cannot be followed."""
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(
            json.dumps(_closed(schema)), overrides={"whitespace_flexible": False}
        )
        self._vocab_size = vocab_size
        self._matcher: LLMatcher = LLMatcher(
            _tokens(tokenizer, vocab_size, ends), grammar, log_level=0
        )
        if self._matcher.is_error():
            raise InputError(f"JSON schema conversion failed: {self._matcher.get_error()}")

    def allowed(self) -> Tensor:
        """Which tokens may come next. Returns (V), boolean."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.unpackbits(bits, bitorder="little", count=self._vocab_size)
        return torch.from_numpy(mask.astype(np.bool_))

    def took(self, index: int) -> bool:
        """Go on by the token that was drawn; True once the JSON is complete."""
        self._matcher.consume_token(index)
        return bool(self._matcher.is_stopped())


def _tokens(tokenizer: TextTokenizer, vocab_size: int, ends: Sequence[int]) -> LLTokenizer:
    """The vocabulary as the grammar reads it; made once for a student."""
    from llguidance import LLTokenizer

    known = _TOKENIZERS.get(tokenizer)
    if known is None or known[0] != vocab_size:
        stops = list(ends) or [tokenizer.id(IM_END), tokenizer.id(EOS)]
        made = LLTokenizer(tokenizer.to_json(), n_vocab=vocab_size, eos_token=stops)
        known = _TOKENIZERS[tokenizer] = (vocab_size, made)
    return known[1]


def _closed(schema: Any) -> Any:
    """The schema with ``additionalProperties: false`` where properties are listed and it is not.

    Parts of an ``allOf`` stay as they are: each would forbid what the others ask for.
    """
    if not isinstance(schema, dict):
        return schema
    closed = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(schema.get(key), dict):
            closed[key] = {name: _closed(part) for name, part in schema[key].items()}
    for key in ("anyOf", "oneOf", "prefixItems"):
        if isinstance(schema.get(key), list):
            closed[key] = [_closed(part) for part in schema[key]]
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    if "properties" in closed and not {"allOf", "patternProperties"} & schema.keys():
        closed.setdefault("additionalProperties", False)
    return closed
