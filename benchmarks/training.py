"""How fast a student learns beside the Trainer of transformers: ``python -m benchmarks.training``.

Same weights, same lessons in the same order, same batch, precision, optimiser and number of
threads; the two take turns, and the medians over all steps but each turn's first are compared. A
lesson's answer is learned, its question is not. Counted are tokens of lessons, not padding. On a
machine that other work shares, the CPU time of the process is the figure to read; wall time stands
beside it. ``flops_share`` is what the step's products take of the rate that one large product has
in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from model.config import PRESETS, DecoderConfig, StudentConfig, TrainConfig
from model.learning.budget import USUAL_PRETRAINED
from model.learning.examples import IGNORE, Batch, EncodedLesson, answer_loss, collate
from model.learning.packing import pack, packing_order
from model.learning.training import Signal, StepReport, fit
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import PAD, simple_tokenizer

SHAPES: dict[str, tuple[StudentConfig, int]] = {
    "tiny": (PRESETS["tiny"], 16),
    "135m": (USUAL_PRETRAINED, 2),
}
"""Shapes by name, each with the lessons of a step."""
RATE = 1e-4


@dataclass
class Times:
    """Seconds of every step but the first of a turn, on the CPU and on the wall, and its loss."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    _before: tuple[float, float] | None = None

    def begin(self) -> None:
        """A turn begins."""
        self._before = None

    def step(self) -> None:
        """A step has ended."""
        now = (time.process_time(), time.perf_counter())
        if self._before:
            self.cpu.append(now[0] - self._before[0])
            self.wall.append(now[1] - self._before[1])
        self._before = now


def make_lessons(config: StudentConfig, count: int, seed: int) -> list[EncodedLesson]:
    """Lessons of random tokens, as long as questions with facts and their answers are."""
    rng, pixels = random.Random(seed), torch.zeros(0, 3, 96, 96)
    lessons = []
    for _ in range(count):
        asked, said = rng.randint(20, 120), rng.randint(5, 60)
        ids = [rng.randrange(20, config.decoder.vocab_size) for _ in range(asked + said)]
        lessons.append(EncodedLesson(tuple(ids), ((asked, asked + said),), pixels))
    return lessons


def make_pair(config: StudentConfig) -> tuple[ImageTokenReasoningLLM, LlamaForCausalLM]:
    """A student and the same decoder in ``transformers``, with the same weights."""
    torch.manual_seed(0)
    student = ImageTokenReasoningLLM(config, simple_tokenizer())
    for parameter in student.model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.02)
    d = config.decoder
    peer = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=d.vocab_size,
            hidden_size=d.hidden_size,
            intermediate_size=d.intermediate_size,
            num_hidden_layers=d.num_hidden_layers,
            num_attention_heads=d.num_attention_heads,
            num_key_value_heads=d.num_key_value_heads,
            max_position_embeddings=d.max_position_embeddings,
            rms_norm_eps=d.rms_norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": d.rope_theta},
            tie_word_embeddings=True,
            use_cache=False,
        )
    )
    peer.model.load_state_dict(student.model.state_dict())
    return student, peer


class Ours:
    """The student under our loop; ``packed`` lays lessons behind each other."""

    def __init__(self, student: ImageTokenReasoningLLM, *, packed: bool) -> None:
        self.student, self.packed, self.times = student, packed, Times()

    def turn(self, steps: Sequence[Sequence[EncodedLesson]]) -> None:
        """Take these steps."""
        pad = self.student.tokenizer.id(PAD)

        def batch(step: int) -> Batch:
            lessons = steps[step]
            if not self.packed:
                return collate(lessons, pad)
            rows = packing_order([len(lesson.ids) for lesson in lessons])
            ordered = [lessons[number] for row in rows for number in row]
            return pack(ordered, [len(row) for row in rows], pad)

        def on_step(report: StepReport) -> Signal:
            self.times.step()
            self.times.losses.append(report.loss)
            return "go"

        config = TrainConfig(steps=len(steps), learning_rate=RATE, weight_decay=0.05)
        self.times.begin()
        fit(self.student, batch, answer_loss, config, on_step)


class _InOrder(Trainer):  # type: ignore[misc]
    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return SequentialSampler(dataset if dataset is not None else self.train_dataset)


class _Watch(TrainerCallback):  # type: ignore[misc]
    def __init__(self, times: Times) -> None:
        self.times = times

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.times.step()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" in (logs or {}):
            self.times.losses.append(float(logs["loss"]))


def _padded(items: Sequence[dict[str, list[int]]]) -> dict[str, Tensor]:
    longest = max(len(item["input_ids"]) for item in items)
    rows: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "attention_mask": []}
    for item in items:
        rest = longest - len(item["input_ids"])
        rows["input_ids"].append(item["input_ids"] + [0] * rest)
        rows["labels"].append(item["labels"] + [IGNORE] * rest)
        rows["attention_mask"].append([1] * len(item["input_ids"]) + [0] * rest)
    return {name: torch.tensor(values) for name, values in rows.items()}


class Theirs:
    """The same decoder under the Trainer."""

    def __init__(self, peer: LlamaForCausalLM, folder: str) -> None:
        self.peer, self.folder, self.times = peer, folder, Times()

    def turn(self, steps: Sequence[Sequence[EncodedLesson]]) -> None:
        """Take these steps."""
        items = []
        for lesson in (lesson for step in steps for lesson in step):
            labels = [IGNORE] * len(lesson.ids)
            for start, end in lesson.learned:
                labels[start:end] = lesson.ids[start:end]
            items.append({"input_ids": list(lesson.ids), "labels": labels})
        arguments = TrainingArguments(
            output_dir=self.folder,
            per_device_train_batch_size=len(steps[0]),
            max_steps=len(steps),
            learning_rate=RATE,
            lr_scheduler_type="cosine",
            warmup_steps=1,
            weight_decay=0.05,
            adam_beta2=0.95,
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            report_to=[],
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=False,
            remove_unused_columns=False,
        )
        self.times.begin()
        trainer = _InOrder(
            model=self.peer,
            args=arguments,
            train_dataset=items,
            data_collator=_padded,
            callbacks=[_Watch(self.times)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def product_rate(size: int = 1024, rounds: int = 5) -> float:
    """Operations of one large product for each second of CPU time: what is possible here."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    a @ b
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        a @ b
        seconds.append(time.process_time() - started)
    return 2 * size**3 / statistics.median(seconds)


def step_operations(d: DecoderConfig, lessons: Sequence[EncodedLesson]) -> float:
    """Operations of a step that cannot be spared: no padding, only learned tokens scored."""
    width, kv = d.num_attention_heads * d.head_dim, d.num_key_value_heads * d.head_dim
    layer = d.hidden_size * (2 * width + 2 * kv) + 3 * d.hidden_size * d.intermediate_size
    total = 0.0
    for lesson in lessons:
        length = len(lesson.ids)
        learned = sum(end - start for start, end in lesson.learned)
        attention = d.num_hidden_layers * length * length * width  # half of the square, twice
        total += 6 * (length * d.num_hidden_layers * layer + attention)
        total += 6 * learned * d.vocab_size * d.hidden_size
    return total


def measure(name: str, turns: int, steps: int) -> dict[str, float]:
    """Let the three take turns on one shape; print a table."""
    config, batch = SHAPES[name]
    lessons = make_lessons(config, batch * steps * turns, seed=1)
    student, peer = make_pair(config)
    twin, _ = make_pair(config)
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Ours(student, packed=False), Ours(twin, packed=True)
        theirs = Theirs(peer, folder)
        for turn in range(turns):
            first = turn * batch * steps
            part = [lessons[first + n * batch : first + (n + 1) * batch] for n in range(steps)]
            for each in (theirs, plain, packed):
                each.turn(part)
    timed = [
        lessons[(turn * steps + n) * batch : (turn * steps + n + 1) * batch]
        for turn in range(turns)
        for n in range(1, steps)
    ]
    tokens = statistics.mean(sum(len(each.ids) for each in step) for step in timed)
    operations = statistics.mean(step_operations(config.decoder, step) for step in timed)
    rate = product_rate()
    rows = {"Trainer": theirs.times, "ours, padded": plain.times, "ours, packed": packed.times}
    print(f"\n{name}: {batch} lessons, {tokens:.0f} tokens a step, {len(timed)} steps each")
    print(f"{'':<14}{'tokens/s (CPU)':>16}{'tokens/s (wall)':>17}{'share of peak':>15}")
    speeds = {}
    for label, times in rows.items():
        cpu = statistics.median(times.cpu)
        speeds[label] = tokens / cpu
        wall = tokens / statistics.median(times.wall)
        print(f"{label:<14}{tokens / cpu:>16,.0f}{wall:>17,.0f}{operations / cpu / rate:>15.2f}")
    best = max(speeds["ours, padded"], speeds["ours, packed"])
    return {
        f"tokens_per_s_vs_hf_trainer_{name}": round(best / speeds["Trainer"], 3),
        f"padded_vs_hf_trainer_{name}": round(speeds["ours, padded"] / speeds["Trainer"], 3),
        f"packed_vs_hf_trainer_{name}": round(speeds["ours, packed"] / speeds["Trainer"], 3),
        f"tokens_per_cpu_s_{name}": round(best, 1),
        f"flops_share_{name}": round(operations * best / tokens / rate, 3),
        f"first_loss_gap_{name}": round(abs(theirs.times.losses[0] - plain.times.losses[0]), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--turns", type=int, default=4, help="turns that each of them takes")
    parser.add_argument("--steps", type=int, default=5, help="steps of a turn; one is not counted")
    options = parser.parse_args()
    threads = torch.get_num_threads()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, {threads} threads, "
        f"load {os.getloadavg()[0]:.1f}, torch {torch.__version__}, float32"
    )
    figures: dict[str, float] = {}
    for name in options.shapes:
        figures |= measure(name, options.turns, options.steps)
    figures["tokens_per_s_vs_hf_trainer"] = min(
        figures[f"tokens_per_s_vs_hf_trainer_{name}"] for name in options.shapes
    )
    figures["flops_share"] = min(figures[f"flops_share_{name}"] for name in options.shapes)
    figures |= {"turns": options.turns, "steps": options.steps, "threads": threads}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
