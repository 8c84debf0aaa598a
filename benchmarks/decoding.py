"""How fast answers are written, against llama.cpp and ``transformers`` on the same weights.

``python -m benchmarks.decoding`` measures in turns, several rounds, one thread each, and takes the
median of each and of the ratios of each round. ``--shape 135m`` takes random weights in the shape
of SmolLM2-135M. The last line is JSON; a ratio above 1 says that we are faster.

Our figures are of decoding steps with the choice of the likeliest token; llama.cpp's are its own
(``predicted_ms``, sampling included); ``transformers``' are those of ``generate`` on a prompt of
one token. Times to the first token are measured through the engine, as the page asks it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.llama_peer import LlamaCpp
from model.bundles.bundle import read_bundle
from model.bundles.gguf_reading import TEXT_FILE
from model.config import DecoderConfig, SampleConfig
from model.microworld.oracle import example
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.decoding import Steps, plain_step
from model.network.image_tokenizer import Message
from model.network.text_generation import KVCache
from model.paths import SHIPPED_BUNDLE
from model.serving.engine import Engine, EngineAnswer
from model.serving.speed_test import this_machine

PROMPT = "An egg is heated. What comes of it, and why?"
SHAPE_135M = DecoderConfig(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=1024,
)
CLIENTS = 16


def machine() -> str:
    """The processor, as the system names it, and how busy it is."""
    here = this_machine()
    return f"{here.processor}, {here.cores} cores, load {here.load:.1f}"


def memory_bandwidth() -> float:
    """Bytes a second that one thread reads from memory: the best of ten."""
    block = np.ones(2**26, np.float32)
    best = 0.0
    for _ in range(10):
        started = time.perf_counter()
        block.max()
        best = max(best, block.nbytes / (time.perf_counter() - started))
    return best


def our_seconds(student: ImageTokenReasoningLLM, kind: str, tokens: int, answers: int) -> float:
    """How long our steps take to write ``tokens`` for each answer after ``PROMPT``."""
    prompt = student.prompt([Message("user", PROMPT)], room=tokens)
    length = len(prompt.ids) + tokens
    cache = KVCache(student.config.decoder, answers, length, torch.float32)
    fused = None
    if kind != "plain":
        fused = Steps(student.model, cache, int8=kind == "int8", wait=True)
    for row in range(answers):
        scores_V = student.prefill(prompt, cache, row)
    ids, position = [int(scores_V.argmax())] * answers, len(prompt.ids)
    started = time.perf_counter()
    for at in range(position, position + tokens):
        where = [at] * answers
        scores_BV = fused(ids, where) if fused else plain_step(student.model, ids, where, cache)
        ids = scores_BV.argmax(-1).tolist()
    return time.perf_counter() - started


class Contest:
    """Everybody who writes, asked in turns."""

    def __init__(self, student: ImageTokenReasoningLLM, folder: Path, tokens: int) -> None:
        from transformers import LlamaForCausalLM

        self.student, self.tokens = student, tokens
        context = student.config.decoder.max_position_embeddings
        student.save(folder / "bundle")
        self._hf = LlamaForCausalLM.from_pretrained(folder / "bundle", dtype=torch.float32).eval()
        self._peers = {}
        for precision in ("f32", "q8_0"):
            student.export_ollama_bundle(folder / precision, precision=precision, fact_tokens=0)
            file = folder / precision / TEXT_FILE
            self._peers[precision] = LlamaCpp(file, exact=False, context=context)
        file = folder / "f32" / TEXT_FILE
        self._many = LlamaCpp(file, exact=False, context=512, together=CLIENTS)

    @torch.inference_mode()
    def _hf_seconds(self) -> float:
        ids_BS = torch.tensor([[1]])
        started = time.perf_counter()
        self._hf.generate(
            ids_BS,
            attention_mask=torch.ones_like(ids_BS),
            max_new_tokens=self.tokens,
            min_new_tokens=self.tokens,
            do_sample=False,
        )
        return time.perf_counter() - started

    def writers(self) -> dict[str, Callable[[], float]]:
        """Tokens per second of everybody, by name."""
        student, tokens = self.student, self.tokens

        def speed(seconds: Callable[[], float], answers: int = 1) -> Callable[[], float]:
            return lambda: answers * tokens / seconds()

        return {
            "b1_f32": speed(lambda: our_seconds(student, "f32", tokens, 1)),
            "b1_llamacpp_f32": speed(lambda: self._peers["f32"].seconds(PROMPT, tokens)),
            "b1_int8": speed(lambda: our_seconds(student, "int8", tokens, 1)),
            "b1_llamacpp_q8": speed(lambda: self._peers["q8_0"].seconds(PROMPT, tokens)),
            "b1_plain": speed(lambda: our_seconds(student, "plain", tokens, 1)),
            "b1_transformers": speed(self._hf_seconds),
            "b16_f32": speed(lambda: our_seconds(student, "f32", tokens, CLIENTS), CLIENTS),
            "b16_int8": speed(lambda: our_seconds(student, "int8", tokens, CLIENTS), CLIENTS),
            "b16_llamacpp_f32": speed(lambda: self._many.seconds(PROMPT, tokens, CLIENTS), CLIENTS),
        }


RATIOS = {
    "b1_f32_vs_llamacpp": ("b1_f32", "b1_llamacpp_f32"),
    "b1_int8_vs_llamacpp_q8": ("b1_int8", "b1_llamacpp_q8"),
    "b16_vs_llamacpp": ("b16_f32", "b16_llamacpp_f32"),
    "b16_int8_vs_llamacpp": ("b16_int8", "b16_llamacpp_f32"),
    "b1_vs_transformers": ("b1_f32", "b1_transformers"),
    "b1_vs_plain": ("b1_f32", "b1_plain"),
}


def first_token_s(answer: EngineAnswer) -> float:
    """Read an answer to its end; how long its first token took."""
    return next(event.stats.first_token_s for event in answer.events() if event.stats)


def waiting(student: ImageTokenReasoningLLM) -> dict[str, float]:
    """Times to the first token through the engine: of sixteen at once, and of a second turn."""
    engine = Engine(student, "weights")
    short = SampleConfig(max_tokens=48)

    def prompt(index: int, *more: Message) -> Prompt:
        one = example("test", index, "everyday-name")
        asked = Message("user", f"{one.question} ({index})", 1)
        return student.prompt([asked, *more], one.pictures, room=48)

    for _ in engine.ask(prompt(0), short).events():
        pass
    answers = [engine.ask(prompt(index), short) for index in range(1, CLIENTS + 1)]
    waits = sorted(first_token_s(answer) for answer in answers)
    firsts, seconds = [], []
    for index in range(100, 110):
        firsts.append(first_token_s(engine.ask(prompt(index), short)))
        more = (Message("assistant", "An egg."), Message("user", "And then?"))
        seconds.append(first_token_s(engine.ask(prompt(index, *more), short)))
    engine.close()
    return {
        "ttft_ms_16_clients_p95": round(1000 * waits[int(0.95 * CLIENTS)], 1),
        "ttft_ms_alone": round(1000 * statistics.median(firsts), 1),
        "second_turn_ttft_ratio": round(statistics.median(seconds) / statistics.median(firsts), 3),
    }


def main() -> None:
    """Print every writer's median, then all figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--shape", choices=("student", "135m"), default="student")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128, help="tokens of every answer")
    options = parser.parse_args()
    torch.set_num_threads(1)
    student = ImageTokenReasoningLLM.load_from_bundle(options.bundle).eval()
    if options.shape == "135m":
        tokenizer = student.tokenizer
        student = ImageTokenReasoningLLM.new("tiny", tokenizer, decoder=SHAPE_135M).eval()
    figures: dict[str, float | str] = {"machine": machine(), "shape": options.shape}
    with tempfile.TemporaryDirectory() as folder:
        writers = Contest(student, Path(folder), options.tokens).writers()
        for write in writers.values():
            write()  # the first time is for warming up
        rounds = [{name: write() for name, write in writers.items()} for _ in range(options.rounds)]
    for name in writers:
        figures[name] = round(statistics.median(row[name] for row in rounds), 1)
        print(f"{name:<24}{figures[name]:>12} tokens/s", flush=True)
    for name, (ours, theirs) in RATIOS.items():
        figures[name] = round(statistics.median(row[ours] / row[theirs] for row in rounds), 3)
    weights = sum(p.nbytes for p in student.model.parameters())
    per_s = statistics.median(row["b1_f32"] for row in rounds)
    figures["bandwidth_share"] = round(weights * per_s / memory_bandwidth(), 3)
    if options.shape == "student":
        figures |= waiting(student)
    figures["weights"] = read_bundle(options.bundle).weights_hash[:6]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
