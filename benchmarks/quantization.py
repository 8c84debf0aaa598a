"""int8 weights against full ones: speed of one answer, size in memory, loss on held-out answers.

``python -m benchmarks.quantization`` measures the shipped student, then decoders of larger shapes
with random weights: those have a speed and a size, but no loss worth telling. Rates are medians
of rounds taken in turns. The last line is JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from model.config import PRESETS, DecoderConfig
from model.network.int8 import to_int8, weight_bytes
from model.network.text_generation import Decoder, KVCache
from model.paths import SHIPPED_BUNDLE
from model.serving.precision import measured, speeds_in_turns

SHAPES = {
    "small": PRESETS["small"].decoder,
    "SmolLM2-135M": DecoderConfig(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1_536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=256,
    ),
}


@torch.inference_mode()
def steps_per_s(decoder: Decoder, rows: int, steps: int) -> float:
    """How many tokens a second ``rows`` answers together get from one decoder."""

    cache = KVCache(decoder.config, rows, steps, torch.float32)
    ids = torch.arange(rows)[:, None]
    started = time.perf_counter()
    for position in range(steps):
        at = torch.full((rows, 1), position)
        hidden = decoder(decoder.embed_tokens(ids), at, cache, range(rows))
        ids = decoder.logits(hidden[:, -1]).argmax(-1, keepdim=True)
    return rows * steps / (time.perf_counter() - started)


def shaped(name: str, steps: int, rounds: int) -> Iterator[tuple[str, float | int]]:
    """Figures of a decoder with random weights: bytes, and tokens a second for 1 and 8 answers."""
    torch.manual_seed(0)
    full = Decoder(SHAPES[name]).eval()
    small = copy.deepcopy(full)
    yield "int8_matrices", to_int8(small)
    for precision, decoder in (("full", full), ("int8", small)):
        yield f"bytes_{precision}", weight_bytes(decoder)
    for rows in (1, 8):
        writings = [partial(steps_per_s, decoder, rows, steps) for decoder in (full, small)]
        rates = speeds_in_turns(writings, rounds)
        yield f"tokens_per_s_full_{rows}", round(rates[0], 1)
        yield f"tokens_per_s_int8_{rows}", round(rates[1], 1)
        yield f"times_faster_{rows}", round(rates[1] / rates[0], 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--questions", type=int, default=96, help="held-out questions")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24, help="tokens of an answer")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    options = parser.parse_args()
    report = measured(options.bundle, held_out=options.questions, rounds=options.rounds)
    figures: dict[str, float | int] = {"student_int8_matrices": report.matrices}
    for precision, found in (("full", report.full), ("int8", report.int8)):
        figures[f"student_bytes_{precision}"] = found.weight_bytes
        figures[f"student_tokens_per_s_{precision}"] = found.tokens_per_s
        figures[f"student_loss_{precision}"] = found.loss
    for name in options.shapes:
        for figure, value in shaped(name, options.steps, options.rounds):
            figures[f"{name}_{figure}"] = value
    for figure, value in figures.items():
        print(f"{figure:40} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
