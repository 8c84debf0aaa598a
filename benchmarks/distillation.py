"""What distillation over Ollama's protocol brings and keeps: logprobs, overlap, kills, resuming.

``python -m benchmarks.distillation`` lets the shipped student teach far smaller ones, with another
tokenizer, over a loopback server. The last line is JSON; sizes are options.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from benchmarks.answer_times import answer_times
from benchmarks.loopback import PatientTeacher, SpeakingStudent
from model.config import DecoderConfig, DistillConfig, StudentConfig, VisionConfig
from model.knowledge.store import Store
from model.learning.answering import answers
from model.learning.collecting import AskSettings, Collector, Listener
from model.learning.evaluation import mean_loss
from model.learning.examples import Lesson
from model.learning.knowledge_transfer import Distillation, Progress
from model.learning.taught_lessons import lesson_from
from model.learning.training import Signal
from model.microworld.oracle import example
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import TextTokenizer
from model.paths import SHIPPED_BUNDLE
from model.records import Series
from model.teachers.base import Question
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer

MODEL = "llama3.2:1b"
"""What the test server calls its model."""
KINDS = ("everyday-predict-words", "everyday-chain", "chat")
"""Questions that are asked in words alone."""
T_95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t for 95 %, by degrees of freedom."""
LIMIT_S = 600.0
SEED_MS = 750.0


@dataclass
class Notes:
    """A run's log in memory; ``when`` decides at each step about going on."""

    when: Callable[[int], Signal] = lambda step: "go"
    points: list[tuple[int, Series, float]] = field(default_factory=list)
    step: int = 0

    def stage(self, words: str) -> None: ...
    def collected(self, answers: int, failures: int) -> None: ...
    def answered(self, key: str) -> None: ...
    def failed(self, key: str, reason: str) -> None: ...
    def left_out(self, key: str, reason: str) -> None: ...
    def sample(self, step: int, question: Question, taught: str, said: str) -> None: ...

    def point(self, step: int, series: Series, value: float) -> None:
        self.points.append((step, series, value))

    def progress(self, progress: Progress) -> None:
        self.step = progress.step

    def signal(self) -> Signal:
        return self.when(self.step)

    def curve(self, series: Series) -> dict[int, float]:
        return {step: value for step, name, value in self.points if name == series}


def questions(count: int, split: str, start: int = 0) -> list[Question]:
    """Questions in words, every kind in turn, without repeats."""
    found: dict[str, Question] = {}
    index = start
    while len(found) < count:
        text = example(split, index, KINDS[index % len(KINDS)]).question
        found.setdefault(text, Question(text))
        index += 1
    return list(found.values())


def small_student(options: argparse.Namespace, seed: int) -> ImageTokenReasoningLLM:
    """A fresh student of a few hundred thousand weights, with a tokenizer of its own."""
    texts = [question.text for question in questions(300, "train", 10_000)]
    tokenizer = TextTokenizer.train(texts, options.vocabulary)
    decoder = DecoderConfig(
        vocab_size=len(tokenizer),
        hidden_size=options.width,
        intermediate_size=2 * options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
    )
    vision = VisionConfig(image_size=32, hidden_size=32, intermediate_size=64, num_hidden_layers=1)
    torch.manual_seed(seed)
    student = ImageTokenReasoningLLM(StudentConfig(decoder, vision, "tiny", False), tokenizer)
    student._initialise()
    return student


def config_of(options: argparse.Namespace, seed: int) -> DistillConfig:
    return DistillConfig(
        teacher="ollama",
        teacher_model=MODEL,
        prompt_source="topic",
        topic="daily life",
        prompts=options.prompts,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        temperature=1.0,
        max_answer_tokens=48,
        logprob_weight=options.logprob_weight,
        seed=seed,
    )


def distil(
    server: OllamaServer,
    asked: Sequence[Question],
    store: Path,
    config: DistillConfig,
    student: ImageTokenReasoningLLM,
    notes: Notes,
    checkpoint: Path | None = None,
) -> float:
    """Teach a student; returns the seconds that it took."""
    open_store = Store(store)
    started = time.monotonic()
    teacher = OllamaTeacher(MODEL, server.url)
    run = Distillation(student, teacher, asked, config, open_store, notes)
    run.run(checkpoint or store.with_name(f"{time.monotonic_ns()}.pt"))
    seconds = time.monotonic() - started
    open_store.close()
    student.eval()
    return seconds


def collect(
    server_url: str,
    asked: Sequence[Question],
    store: Store,
    config: DistillConfig,
    listener: Listener | None = None,
) -> list[Lesson]:
    """Only ask, as a run does; returns the answers as lessons."""
    how = AskSettings(config.temperature, config.max_answer_tokens, config.seed, 20)
    teacher = OllamaTeacher(MODEL, server_url)
    collector = Collector(
        teacher, asked, store, how, concurrency=config.concurrency, listener=listener
    )
    collector.start()
    given = [collector.answer(number, lambda: True) for number in range(len(asked))]
    collector.stop(wait_s=LIMIT_S)
    return [lesson_from(q, a) for q, a in zip(asked, given, strict=True) if a is not None]


# ── the measures ────────────────────────────────────────────────────────────────────────────────


def measure_logprobs(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Held-out loss and accuracy of students taught by text alone and with logprobs."""
    teacher = ImageTokenReasoningLLM.load_from_bundle(options.teacher)
    asked = questions(options.prompts, "train")
    fresh = questions(options.held_out, "test")
    gains, losses, exact, requests = [], [], [], 0
    for seed in range(options.seeds):
        config = config_of(options, seed)
        store = folder / f"gain-{seed}" / "workspace.db"
        with OllamaServer(speak=SpeakingStudent(teacher)) as server:
            first = Store(store)
            held_out = collect(server.url, fresh, first, config)
            first.close()
            row, right = [], []
            for way in ("logprobs", "text"):
                student = small_student(options, seed)
                way_config = replace(config, learn_from=way)  # type: ignore[arg-type]
                seconds = distil(server, asked, store, way_config, student, Notes())
                row.append(mean_loss(student, held_out))
                right.append(accuracy(student, fresh))
                print(f"seed {seed} {way:9} held-out loss {row[-1]:.4f}  {seconds:.0f} s")
            before = len(server.chats())
            distil(server, asked, store, replace(config, steps=1), student, Notes())
            requests += len(server.chats()) - before
        gains.append(row[1] - row[0])
        losses.append(row)
        exact.append(right)
    middle, half = mean_with_interval(gains)
    return {
        "logprob_gain_nats": round(middle, 4),
        "logprob_gain_interval": [round(middle - half, 4), round(middle + half, 4)],
        "held_out_loss_text": round(statistics.mean(row[1] for row in losses), 4),
        "held_out_loss_logprobs": round(statistics.mean(row[0] for row in losses), 4),
        "teacher_accuracy": round(accuracy(teacher, fresh), 3),
        "student_accuracy_text": round(statistics.mean(row[1] for row in exact), 3),
        "student_accuracy_logprobs": round(statistics.mean(row[0] for row in exact), 3),
        "second_run_requests": requests,
    }


def accuracy(student: ImageTokenReasoningLLM, asked: Sequence[Question]) -> float:
    """Share of the questions that are answered word for word as the oracle does."""
    right = {example("test", n, KINDS[n % len(KINDS)]).question: n for n in range(4 * len(asked))}
    said = answers(student, [Lesson(question.text, "") for question in asked], 48)
    hits = [
        one.answer == example("test", (n := right[q.text]), KINDS[n % len(KINDS)]).answer
        for one, q in zip(said, asked, strict=True)
        if q.text in right
    ]
    return sum(hits) / max(1, len(hits))


def mean_with_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean of a few values, and half of its 95 % interval by Student's t."""
    if len(values) < 2:
        return statistics.mean(values), float("inf")
    spread = statistics.stdev(values) / len(values) ** 0.5
    return statistics.mean(values), T_95.get(len(values) - 1, 1.96) * spread


def measure_overlap(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Wall time of teaching and learning together over that of the slower alone.

    Unless a time per answer is given, teaching takes as long as training: the hardest case.
    """
    asked, config = questions(options.prompts, "train"), config_of(options, 0)
    slow = PatientTeacher(0.0)
    with OllamaServer(speak=slow) as server:
        cached = folder / "cached" / "workspace.db"
        first = Store(cached)
        collect(server.url, asked, first, config)
        first.close()
        training_s = distil(server, asked, cached, config, small_student(options, 0), Notes())
        slow.answer_s = options.answer_s or training_s / options.prompts
        alone, started = Store(folder / "alone" / "workspace.db"), time.monotonic()
        collect(server.url, asked, alone, config)
        teacher_s = time.monotonic() - started
        alone.close()
        both = folder / "both" / "workspace.db"
        wall_s = distil(server, asked, both, config, small_student(options, 0), Notes())
        # once more, because other work on the machine may have changed meanwhile
        slow.answer_s = 0.0
        again_s = distil(server, asked, cached, config, small_student(options, 0), Notes())
    training_s = (training_s + again_s) / 2
    return {
        "overlap_vs_slower_stage": round(wall_s / max(teacher_s, training_s), 3),
        "teacher_s": round(teacher_s, 1),
        "training_s": round(training_s, 1),
        "wall_s": round(wall_s, 1),
    }


def measure_resume(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Largest difference between the losses of a run that was paused and of one that was not."""
    asked = questions(options.prompts, "train")
    config = replace(config_of(options, 0), steps=min(40, options.steps))
    store = folder / "resume" / "workspace.db"
    whole, first, second = Notes(), Notes(), Notes()
    first.when = lambda step: "pause" if step == config.steps // 2 else "go"
    with OllamaServer(speak=PatientTeacher(0.0)) as server:
        distil(server, asked, store, config, small_student(options, 0), whole)
        for notes in (first, second):
            student, checkpoint = small_student(options, 0), store.with_name("parts.pt")
            distil(server, asked, store, config, student, notes, checkpoint)
    parts = {**first.curve("train"), **second.curve("train")}
    wanted = whole.curve("train")
    assert parts.keys() == wanted.keys()
    gap = max(abs(parts[step] - wanted[step]) for step in wanted)
    return {"resume_loss_gap": float(f"{gap:.2e}")}


def measure_headline(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Fifty prompts, a teacher named llama3.2:1b, a bundle out; the teacher's time is not counted.

    ``student_ms_per_trace`` is the training, validation and samples included, over the answers
    learned from; ``student_ms_per_answer`` what the student takes to answer one of the prompts,
    for which the seed of this project reported 500 to 1,000 ms (the speed-ups count 750). Processor
    time is told, too: other work on the machine makes the wall time longer.
    """
    asked = questions(50, "train")
    config = replace(config_of(options, 0), steps=min(20, options.steps), batch_size=16)
    store = folder / "headline" / "workspace.db"
    with OllamaServer(speak=PatientTeacher(0.0)) as server:
        first = Store(store)
        traces = len(collect(server.url, asked, first, config))
        first.close()
        student = ImageTokenReasoningLLM.load_from_bundle(options.teacher)
        started = time.process_time()
        wall_s = distil(server, asked, store, config, student, Notes())
        cpu_s = time.process_time() - started
    student.save(folder / "headline" / "student")
    files = (folder / "headline" / "student").iterdir()
    alone, together = answer_times(student, [question.text for question in asked])
    return {
        "bundle_mb": round(sum(file.stat().st_size for file in files) / 1e6, 1),
        "student_ms_per_trace": round(1000 * wall_s / traces, 1),
        "student_cpu_ms_per_trace": round(1000 * cpu_s / traces, 1),
        "visits_of_a_trace": config.steps * config.batch_size / traces,
        "student_ms_per_answer": round(alone.wall_ms, 1),
        "student_cpu_ms_per_answer": round(alone.cpu_ms, 1),
        "student_cpu_ms_per_answer_of_16": round(together.cpu_ms, 1),
        "tokens_per_answer": round(alone.tokens, 1),
        "answer_speedup_vs_seed": round(SEED_MS / alone.wall_ms, 1),
        "answer_cpu_speedup_vs_seed": round(SEED_MS / alone.cpu_ms, 1),
    }


def measure_kills(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Answers that a collecting process had counted when it was killed, and that are gone."""
    chance = random.Random(0)
    lost = counted = 0
    with OllamaServer(speak=PatientTeacher(0.002)) as server:
        for number in range(options.kills):
            store = folder / f"kill-{number}" / "workspace.db"
            command = [sys.executable, "-m", __spec__.name, "--collect", server.url, str(store)]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            seen = [child.stdout.readline()]
            assert seen[0], "the child collects nothing"
            time.sleep(chance.uniform(0.0, 0.4))
            child.send_signal(signal.SIGKILL)
            # a line that was cut off was not told
            seen += [line for line in child.stdout if line.endswith("\n")]
            child.wait()
            after = Store(store)
            keys = [line.strip() for line in seen if line.strip()]
            lost += len(keys) - len(after.traces(keys))
            counted += len(keys)
            after.close()
    return {"answers_lost_after_kill": lost, "answers_counted_before_kills": counted}


def collect_until_killed(url: str, store: Path) -> None:
    """The child of ``measure_kills``: tells the key of every answer that counts as collected."""
    config = DistillConfig()
    listener = Listener(answered=lambda key: print(key, flush=True))
    collect(url, questions(400, "train"), Store(store), config, listener)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, default=SHIPPED_BUNDLE, help="its bundle")
    parser.add_argument(
        "--only", nargs="*", default=["logprobs", "overlap", "resume", "kills", "headline"]
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=240)
    parser.add_argument("--held-out", type=int, default=96)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--logprob-weight", type=float, default=DistillConfig.logprob_weight)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=600)
    parser.add_argument("--answer-s", type=float, default=0.0, help="0: as slow as the training")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
    parser.add_argument("--collect", nargs=2, metavar=("URL", "STORE"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.collect:
        collect_until_killed(options.collect[0], Path(options.collect[1]))
        return
    measures = {
        "logprobs": measure_logprobs,
        "overlap": measure_overlap,
        "resume": measure_resume,
        "kills": measure_kills,
        "headline": measure_headline,
    }
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            figures |= measures[name](options, Path(folder))
            print(figures)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
