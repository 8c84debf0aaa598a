from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from model.config import SampleConfig
from model.errors import InputError
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import END_THINK, THINK
from model.serving.engine import Engine
from model.serving.json_form import ANY_OBJECT, JsonForm

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer"}},
    "required": ["name"],
}


@pytest.fixture
def engine(tiny_student: ImageTokenReasoningLLM) -> Iterator[Engine]:
    engine = Engine(tiny_student, "abcdef123456", max_rows=4)
    yield engine
    engine.close()


def _form(student: ImageTokenReasoningLLM, schema: dict[str, Any]) -> JsonForm:
    return JsonForm(schema, student.tokenizer, student.config.decoder.vocab_size)


def _answer(engine: Engine, schema: dict[str, Any], *, seed: int = 1, max_tokens: int = 200) -> str:
    student = engine.student
    prompt = student.prompt([Message("user", "Who?")], room=max_tokens)
    sampling = SampleConfig(max_tokens=max_tokens, temperature=1.0, seed=seed)
    answer = engine.ask(prompt, sampling, constraint=_form(student, schema))
    return "".join(event.text for event in answer.events() if event.kind == "token")


@pytest.mark.parametrize("seed", range(4))
def test_a_random_student_answers_in_the_form_that_is_asked_for(engine: Engine, seed: int) -> None:
    enum = {"type": "string", "enum": ["yes", "no"]}
    assert json.loads(_answer(engine, enum, seed=seed)) in ("yes", "no")
    pair = {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}
    found = json.loads(_answer(engine, pair, seed=seed))
    assert len(found) == 2
    assert all(isinstance(value, bool) for value in found)


def test_only_the_listed_properties_are_written(tiny_student: ImageTokenReasoningLLM) -> None:
    tokenizer = tiny_student.tokenizer
    form = _form(tiny_student, {"type": "object", "properties": {"properties": PERSON}})
    for token in tokenizer.encode('{"properties":{"name":"Ann"'):
        assert form.allowed()[token]
        assert not form.took(token)
    comma, brace = tokenizer.encode(",")[0], tokenizer.encode("}")[0]
    assert form.allowed()[comma]  # age may follow
    assert form.allowed()[brace]
    form.took(comma)
    quote, space = tokenizer.encode('"')[0], tokenizer.encode(" ")[0]
    assert form.allowed()[quote]
    assert not form.allowed()[space]
    form.took(quote)
    assert form.allowed()[tokenizer.encode("a")[0]]
    assert not form.allowed()[tokenizer.encode("b")[0]]


def test_an_open_object_and_parts_of_an_all_of_stay_open(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    quote = tiny_student.tokenizer.encode('"')[0]
    letter = tiny_student.tokenizer.encode("z")[0]
    parts = {"allOf": [{"properties": {"a": {"type": "null"}}}, {"properties": {"z": True}}]}
    stated = {"properties": {"age": {"type": "integer"}}, "additionalProperties": True}
    for schema in (ANY_OBJECT, {"type": "object", **stated}, {"type": "object", **parts}):
        form = _form(tiny_student, schema)
        for token in tiny_student.tokenizer.encode("{"):
            form.took(token)
        form.took(quote)
        assert form.allowed()[letter], schema


def test_the_answer_ends_with_the_json(engine: Engine) -> None:
    student = engine.student
    prompt = student.prompt([Message("user", "Who?")], room=50)
    form = _form(student, {"type": "string", "enum": ["yes"]})
    answer = engine.ask(prompt, SampleConfig(max_tokens=50), constraint=form)
    stats = next(event.stats for event in answer.events() if event.kind == "stats")
    assert stats is not None
    assert stats.stopped_by == "end"
    assert student.tokenizer.decode(answer.ids) == '"yes"'


def test_a_schema_that_cannot_be_followed_is_refused_with_its_fault(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    with pytest.raises(InputError, match="frobnicate"):
        _form(tiny_student, {"type": "frobnicate"})


def test_likeliest_tokens_are_told_raw_whatever_the_form_forbids(engine: Engine) -> None:
    student = engine.student
    prompt = student.prompt([Message("user", "Who?")], room=50)
    form = _form(student, {"type": "string", "enum": ["yes"]})
    sampling = SampleConfig(max_tokens=50, temperature=0.7, top_k=1)
    answer = engine.ask(prompt, sampling, top_logprobs=3, constraint=form)
    list(answer.events())
    with torch.inference_mode():
        ids = torch.tensor([[*prompt.ids, *answer.ids]])
        logits_SV = student(ids, prompt.pixels_NCHW)[0, len(prompt.ids) - 1 : -1]
    values_SK, tokens_SK = logits_SV.log_softmax(-1).topk(3)
    assert [[token for token, _ in step] for step in answer.tops] == tokens_SK.tolist()
    told = torch.tensor([[value for _, value in step] for step in answer.tops])
    assert torch.allclose(told, values_SK, atol=1e-4)


def test_a_thought_is_free_and_only_what_follows_has_the_form(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = engine.student
    end = student.tokenizer.id(END_THINK)
    asked = student.prompt([Message("user", "Who?")], room=60)
    prompt = type(asked)((*asked.ids, student.tokenizer.id(THINK)), asked.pixels_NCHW, True)
    # a random student seldom ends its thought: from the third step on it must
    real, steps = student.step, [0]

    def step(*args: Any) -> torch.Tensor:
        scores_BV = real(*args).clone()
        steps[0] += 1
        scores_BV[:, end] = 1e4 if steps[0] == 3 else -1e4
        return scores_BV

    monkeypatch.setattr(student, "step", step)
    form = _form(student, {"type": "string", "enum": ["yes"]})
    answer = engine.ask(prompt, SampleConfig(max_tokens=60), constraint=form)
    said = {"thought": "", "token": ""}
    for event in answer.events():
        if event.kind in ("thought", "token"):
            said[event.kind] += event.text
    assert said["token"] == '"yes"'
    assert answer.ids.index(end) == 3
