"""A student that teaches itself over the protocol tells itself nothing new."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from benchmarks.loopback import SpeakingStudent
from model.learning.alignment import Aligner
from model.learning.examples import IGNORE, Lesson, encode_lesson
from model.learning.transfer_loss import GuidedLesson, collate_guided, law_divergence
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import PAD, simple_tokenizer
from model.paths import SHIPPED_BUNDLE
from model.teachers.base import Question, TeacherAnswer
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer

QUESTION = "What happens if I heat an egg?"


@pytest.fixture(scope="module")
def student() -> ImageTokenReasoningLLM:
    return ImageTokenReasoningLLM.load_from_bundle(SHIPPED_BUNDLE)


@pytest.fixture(scope="module")
def answer(student: ImageTokenReasoningLLM) -> Iterator[TeacherAnswer]:
    with OllamaServer(speak=SpeakingStudent(student)) as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url, read_timeout_s=60)
        yield teacher.answer(Question(QUESTION), temperature=0.0, max_tokens=48, top_logprobs=20)


def test_it_says_over_the_protocol_what_it_says_itself(
    student: ImageTokenReasoningLLM, answer: TeacherAnswer
) -> None:
    assert answer.text == student.generate(QUESTION, think=False)
    assert all(len(entry.top) == 20 for entry in answer.logprobs)


@pytest.mark.parametrize("same_tokens", [False, True])
def test_its_law_comes_back_as_its_own(
    student: ImageTokenReasoningLLM, answer: TeacherAnswer, same_tokens: bool
) -> None:
    tokenizer = student.tokenizer
    aligner = Aligner(tokenizer, same_tokens=same_tokens)
    guidance = aligner.align(answer.text, answer.logprobs)
    assert guidance.guided == len(tokenizer.encode(answer.text)) > 8
    assert guidance.runs == ()
    encoded = encode_lesson(student, Lesson(QUESTION, answer.text))
    batch = collate_guided([GuidedLesson(encoded, guidance)], tokenizer.id(PAD))
    with torch.inference_mode():
        logits_KV = student(batch.ids_BS, batch.pixels_NCHW, batch.labels_BS != IGNORE)
        apart_K = law_divergence(logits_KV, batch)
    # two words of the list that begin with the same token of the student's are one to it
    assert float(apart_K.median()) < 1e-4
    assert float(apart_K.max()) < (1e-3 if same_tokens else 0.2)


def test_a_student_of_bytes_gets_a_law_whose_likelihoods_are_the_teachers(
    answer: TeacherAnswer,
) -> None:
    """The chances of a token's bytes multiply up to the chance of the token, tails aside."""
    tokenizer = simple_tokenizer()
    guidance = Aligner(tokenizer).align(answer.text, answer.logprobs)
    ids = tokenizer.encode(answer.text)
    at, checked = 0, 0
    for entry in answer.logprobs:
        size = len(entry.token.encode())
        laws = list(zip(guidance.targets[at : at + size], ids[at : at + size], strict=True))
        at += size
        if any(law is None for law, _ in laws):
            continue
        chance = math.prod(law.chances[law.ids.index(index)] for law, index in laws if law)
        assert chance >= math.exp(entry.logprob) - 1e-3
        checked += 1
    assert checked > 8
