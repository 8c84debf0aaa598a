"""int8 weights against full ones: speed of one answer, size in memory, loss on held-out answers.

``python -m benchmarks.quantization`` measures the shipped student, then decoders of larger shapes
with random weights: those have a speed and a size, but no loss worth telling. Rates are medians
of rounds taken in turns. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from model.config import PRESETS, DecoderConfig
from model.network.text_generation import Decoder
from model.paths import SHIPPED_BUNDLE
from model.serving.precision import Writing, measured, speeds_in_turns

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


def shaped(name: str, steps: int, rounds: int) -> Iterator[tuple[str, float | int]]:
    """Figures of a decoder with random weights: bytes, and tokens a second for 1 and 8 answers."""
    torch.manual_seed(0)
    decoder = Decoder(SHAPES[name]).eval()
    for rows in (1, 8):
        writings = [Writing(decoder, int8=int8, rows=rows, tokens=steps) for int8 in (False, True)]
        if rows == 1:
            yield "bytes_full", writings[0].nbytes
            yield "bytes_int8", writings[1].nbytes
        full, small = speeds_in_turns(writings, rounds)
        yield f"tokens_per_s_full_{rows}", round(full, 1)
        yield f"tokens_per_s_int8_{rows}", round(small, 1)
        yield f"times_faster_{rows}", round(small / full, 2)


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
    figures: dict[str, float | int] = {}
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
