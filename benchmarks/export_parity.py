"""The exported student in stock llama.cpp against the same student in PyTorch.

``python -m benchmarks.export_parity --bundle assets/student`` exports it as f32, f16 and q8_0 and
compares token ids, continuations, log-probabilities and micro-world answers. The f32 rows keep keys
and values in f32, without flash attention; the others run with llama.cpp's defaults, as in Ollama.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from benchmarks.llama_peer import MARKER, Continuation, LlamaCpp
from benchmarks.odd_strings import odd_strings
from model.bundles.bundle import read_bundle
from model.bundles.gguf_reading import EYES_FILE, TEXT_FILE
from model.bundles.graph_facts import HEADER
from model.learning.evaluation import SAMPLING
from model.learning.examples import Lesson
from model.learning.recipe import lesson_of
from model.microworld.oracle import example
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import Message, segments
from model.network.text_generation import KVCache
from model.paths import SHIPPED_BUNDLE

PRECISIONS = ("f32", "f16", "q8_0")
SHORT = {"f32": "f32", "f16": "f16", "q8_0": "q8"}
LONG = 64
"""Tokens of a continuation that goes on past the answer's end."""
ODD_SIZES = ((131, 97), (60, 200), (96, 96))
"""Widths and heights in which pictures are shown; two of them must be letterboxed."""


@dataclass(frozen=True)
class Asked:
    """A question for both: laid out for PyTorch, and as text with markers for llama.cpp."""

    prompt: Prompt
    text: str
    pictures: tuple[Image.Image, ...]
    answer: str


def asked(student: ImageTokenReasoningLLM, lesson: Lesson) -> Asked:
    """Lay a lesson's question out for both runtimes, asking for the answer at once."""
    message = Message("user", lesson.question, len(lesson.images), lesson.roles)
    facts = [Message("system", "\n".join([HEADER, *lesson.facts]))] if lesson.facts else []
    chat = student.config.chat
    prompt = student.prompt([message], lesson.images, lesson.facts, room=SAMPLING.max_tokens)
    text = MARKER.join(segments([*facts, message], chat=chat)).removeprefix(chat.bos)
    return Asked(prompt, text, lesson.images, lesson.answer)


def lessons(kinds: Sequence[str], count: int, first: int = 0) -> Iterator[Lesson]:
    """Questions of the test split, of these kinds in turn; no kinds, any."""
    for index in range(count):
        kind = (kinds[index % len(kinds)],) if kinds else ()
        yield lesson_of(example("test", first + index, *kind))


@torch.inference_mode()
def greedy(
    student: ImageTokenReasoningLLM, prompt: Prompt, tokens: int, *, go_on: bool
) -> tuple[int, ...]:
    """The likeliest continuation in PyTorch, its end included, or forbidden to go on."""
    cache = KVCache(student.config.decoder, 1, len(prompt.ids) + tokens, torch.float32)
    scores_V = student.prefill(prompt, cache, row=0)
    ids: list[int] = []
    while len(ids) < tokens:
        if go_on:
            scores_V[sorted(student.end_ids)] = -torch.inf
        index = int(scores_V.argmax())
        ids.append(index)
        if index in student.end_ids:
            break
        if len(ids) < tokens:
            scores_V = student.step([index], [len(prompt.ids) + len(ids) - 1], cache)[0]
    return tuple(ids)


@torch.inference_mode()
def gap(student: ImageTokenReasoningLLM, prompt: Prompt, said: Continuation) -> float:
    """The largest difference of log-probabilities over a continuation's tokens, in nats."""
    ids_BS = torch.tensor([[*prompt.ids, *said.ids]])
    scores_SV = student(ids_BS, prompt.pixels_NCHW)[0, len(prompt.ids) - 1 : -1]
    ours = scores_SV.log_softmax(-1).gather(1, torch.tensor(said.ids)[:, None])[:, 0]
    return float((ours - torch.tensor(said.logprobs)).abs().max()) if said.ids else 0.0


def share(hits: Sequence[bool]) -> float:
    """Share of true ones."""
    return round(sum(hits) / len(hits), 4)


class Parity:
    """Measures one student; prints each figure as it is found."""

    def __init__(self, student: ImageTokenReasoningLLM, folder: Path) -> None:
        self.student, self.folder = student, folder
        self.figures: dict[str, float | int | str] = {}

    def peer(self, precision: str) -> LlamaCpp:
        """The student in llama.cpp, exported now."""
        path = self.folder / precision
        made = self.student.export_ollama_bundle(path, precision=precision, fact_tokens=0)
        eyes = None if made.text_only else path / EYES_FILE
        context = self.student.config.decoder.max_position_embeddings
        return LlamaCpp(path / TEXT_FILE, eyes, exact=precision == "f32", context=context)

    def note(self, name: str, value: float | int) -> None:
        """Keep and print a figure."""
        self.figures[name] = value
        print(f"{name:<28}{value:>12.4g}", flush=True)

    def tokenizer(self, peer: LlamaCpp, count: int) -> None:
        """Token ids of odd strings, BOS first."""
        start = [self.student.tokenizer.id(self.student.config.chat.bos)]
        texts = odd_strings(count)
        same = [
            peer.tokenize(text) == start + self.student.tokenizer.encode(text) for text in texts
        ]
        self.note("tokenizer_id_match", share(same))

    def words(self, peer: LlamaCpp, precision: str, questions: Sequence[Asked]) -> None:
        """Continuations of questions in words; token by token for f32."""
        told = [peer.write(one.text, (), LONG, go_on=True) for one in questions]
        gaps = [gap(self.student, q.prompt, t) for q, t in zip(questions, told, strict=True)]
        self.note(f"max_logprob_gap_{SHORT[precision]}", max(gaps))
        if precision == "f32":
            ours = [greedy(self.student, one.prompt, LONG, go_on=True) for one in questions]
            self.note(
                "text_token_match", share([a == b.ids for a, b in zip(ours, told, strict=True)])
            )

    def pictures(self, peer: LlamaCpp, questions: Sequence[Asked]) -> None:
        """Answers about one and three pictures, and what is left with wrong pictures."""
        most = SAMPLING.max_tokens
        ours = [greedy(self.student, one.prompt, most, go_on=False) for one in questions]
        told = [peer.write(one.text, one.pictures, most) for one in questions]
        self.note("image_token_match", share([a == b.ids for a, b in zip(ours, told, strict=True)]))
        gaps = [gap(self.student, q.prompt, t) for q, t in zip(questions, told, strict=True)]
        self.note("max_logprob_gap_image", max(gaps))
        grey = [tuple(Image.new("RGB", p.size, "grey") for p in one.pictures) for one in questions]
        blind = [
            peer.write(one.text, shown, most) for one, shown in zip(questions, grey, strict=True)
        ]
        same = [a == b.ids for a, b in zip(ours, blind, strict=True)]
        self.note("image_token_match_grey", share(same))

    def microworld(self, peer: LlamaCpp, precision: str, questions: Sequence[Asked]) -> None:
        """Right answers, word for word, to mixed questions of the test split."""
        most = SAMPLING.max_tokens
        said = [peer.write(one.text, one.pictures, most).text for one in questions]
        right = [words == one.answer for words, one in zip(said, questions, strict=True)]
        self.note(f"microworld_acc_{SHORT[precision]}", share(right))

    def microworld_here(self, questions: Sequence[Asked]) -> None:
        """The same in PyTorch, as the app answers."""
        said = ["".join(self.student.pieces(one.prompt, SAMPLING)) for one in questions]
        right = [words == one.answer for words, one in zip(said, questions, strict=True)]
        self.note("microworld_acc_pytorch", share(right))


def odd_sized(lesson: Lesson, index: int) -> Lesson:
    """The lesson with pictures of another size; both runtimes must fit them in the same way."""
    size = ODD_SIZES[index % len(ODD_SIZES)]
    images = tuple(image.convert("RGB").resize(size) for image in lesson.images)
    return Lesson(lesson.question, lesson.answer, images, lesson.roles, lesson.facts)


def measure(parity: Parity, strings: int, prompts: int, pictures: int, questions: int) -> None:
    """All rows; the counts say how many of each."""
    student = parity.student
    plain = ("everyday-predict-words", "everyday-chain", "everyday-predict-fact", "chat")
    wordy = (one for one in lessons(plain, 4 * prompts) if not one.images)
    texts = [asked(student, one) for one in itertools.islice(wordy, prompts)]
    seen = ("everyday-name", "everyday-explain")
    shown = [
        asked(student, odd_sized(one, index)) for index, one in enumerate(lessons(seen, pictures))
    ]
    mixed = [asked(student, one) for one in lessons((), questions, first=50_000)]
    parity.microworld_here(mixed)
    for precision in PRECISIONS:
        peer = parity.peer(precision)
        if precision == "f32":
            parity.tokenizer(peer, strings)
            parity.pictures(peer, shown)
        parity.words(peer, precision, texts)
        parity.microworld(peer, precision, mixed)


def main() -> None:
    """Print the figures, then all of them as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--questions", type=int, default=300, help="mixed micro-world questions")
    parser.add_argument("--quick", action="store_true", help="few of everything")
    options = parser.parse_args()
    counts = (40, 4, 6, 10) if options.quick else (1000, 50, 60, options.questions)
    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        parity = Parity(ImageTokenReasoningLLM.load_from_bundle(options.bundle), Path(folder))
        measure(parity, *counts)
    parity.figures["weights"] = read_bundle(options.bundle).weights_hash[:6]
    parity.figures["questions"] = counts[-1]
    parity.figures["seconds"] = round(time.monotonic() - started)
    print(json.dumps(parity.figures))


if __name__ == "__main__":
    main()
