from __future__ import annotations

import numpy as np
import pytest
import torch

from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import Message
from model.network.text_generation import KVCache
from model.serving import prompt_reading
from model.serving.prompt_reading import PromptReader, common_length
from tests.small import picture


def _reader(student: ImageTokenReasoningLLM) -> PromptReader:
    decoder = student.config.decoder
    return PromptReader(student, KVCache(decoder, 2, 512, torch.float32), 1)


def _prompt(student: ImageTokenReasoningLLM, text: str, *colours: str) -> Prompt:
    images = [picture(colour) for colour in colours]
    return student.prompt([Message("user", text, len(images))], images, room=40)


def _whole(student: ImageTokenReasoningLLM, prompt: Prompt) -> torch.Tensor:
    return student.prefill(prompt, KVCache(student.config.decoder, 1, 512, torch.float32), 0)


def test_common_openings_by_hand() -> None:
    assert common_length(np.array([1, 2, 3]), np.array([1, 2, 4, 5])) == 2
    assert common_length(np.array([1, 2]), np.array([1, 2, 4])) == 2
    assert common_length(np.array([], np.int64), np.array([1])) == 0


@pytest.mark.parametrize("piece", [7, 64, None])
def test_a_prompt_read_in_pieces_equals_one_read_whole(
    tiny_student: ImageTokenReasoningLLM, piece: int | None
) -> None:
    reader = _reader(tiny_student)
    prompt = _prompt(tiny_student, "what is this " * 9, "red", "blue")
    reading = reader.begin(prompt)
    scores_V = reader.advance(reading, piece)
    while scores_V is None:
        scores_V = reader.advance(reading, piece)
    assert torch.allclose(scores_V, _whole(tiny_student, prompt), atol=1e-4)


def test_the_next_turn_begins_where_the_prompts_part(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    reader = _reader(tiny_student)
    first = _prompt(tiny_student, "what is this, and what can be done with it?", "red")
    reading = reader.begin(first)
    reader.advance(reading)
    reader.keep(reading.keys_S, 1)
    images = [picture("red")]
    turns = [
        Message("user", "what is this, and what can be done with it?", 1),
        Message("assistant", "An egg."),
        Message("user", "And then?"),
    ]
    second = tiny_student.prompt(turns, images, room=40)
    again = reader.begin(second)
    assert again.reused == common_length(reading.keys_S, again.keys_S)
    assert again.reused >= len(first.ids) - 3
    scores_V = reader.advance(again)
    assert scores_V is not None
    assert torch.allclose(scores_V, _whole(tiny_student, second), atol=1e-4)


def test_the_same_words_about_another_picture_are_read_again(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    reader = _reader(tiny_student)
    red = _prompt(tiny_student, "what is this, and what can be done with it?", "red")
    blue = _prompt(tiny_student, "what is this, and what can be done with it?", "blue")
    reading = reader.begin(red)
    reader.advance(reading)
    reader.keep(reading.keys_S, 1)
    other = reader.begin(blue)
    assert other.reused <= red.ids.index(tiny_student.image_id)
    scores_V = reader.advance(other)
    assert scores_V is not None
    assert torch.allclose(scores_V, _whole(tiny_student, blue), atol=1e-4)


def test_a_repeated_question_reads_only_its_last_token(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    reader = _reader(tiny_student)
    prompt = _prompt(tiny_student, "what is this, and what can be done with it?", "red")
    reading = reader.begin(prompt)
    first_V = reader.advance(reading)
    reader.keep(reading.keys_S, 1)
    again = reader.begin(prompt)
    assert again.reused == len(prompt.ids) - 1
    second_V = reader.advance(again)
    assert first_V is not None
    assert second_V is not None
    assert torch.allclose(first_V, second_V, atol=1e-4)


def test_what_is_kept_stays_within_its_room(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = _reader(tiny_student)
    prompts = [_prompt(tiny_student, f"{n} " + "what is this " * 9) for n in range(4)]
    readings = [reader.begin(prompt) for prompt in prompts]
    one = sum(cache.nbytes for cache in reader.cache.copy(1, len(readings[0].keys_S)))
    monkeypatch.setattr(prompt_reading, "KEPT_BYTES", int(2.5 * one))
    for reading in readings:
        reader.advance(reading)
        reader.keep(reading.keys_S, 1)
    reused = [reader.begin(prompt).reused == len(prompt.ids) - 1 for prompt in prompts]
    assert reused == [False, False, True, True]
    monkeypatch.setattr(prompt_reading, "KEPT_PICTURES", 1)
    both = reader.begin(_prompt(tiny_student, "these?", "red", "blue"))
    assert both.embedded_BSD.shape[1] == len(both.prompt.ids)
