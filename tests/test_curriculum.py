"""Prompts: from a topic through a teacher, from the person, and from the drawn world."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from model.errors import InputError, TeacherReplyInvalid, TeacherUnavailable
from model.learning.curriculum import microworld_questions, own_prompts, topic_prompts
from model.microworld.oracle import from_spec
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults


def ask(server: OllamaServer, count: int, topic: str = "sourdough bread", **more: Any) -> Any:
    teacher = OllamaTeacher("llama3.2:1b", server.url, read_timeout_s=10)
    return topic_prompts(teacher, topic, count, seed=more.pop("seed", 3), **more)


def last_text(messages: Sequence[Any]) -> str:
    return str(messages[-1]["content"])


# ── from a topic ────────────────────────────────────────────────────────────────────────────────


def test_topic_prompts_come_in_the_number_asked_for_and_differ() -> None:
    with OllamaServer() as server:
        found = ask(server, 60)
    assert len(found.prompts) == len(set(found.prompts)) == 60
    assert all(8 <= len(prompt) <= 400 for prompt in found.prompts)
    assert not any("templates" in note for note in found.notes)


def test_topic_prompts_speak_of_several_parts_of_the_topic() -> None:
    with OllamaServer() as server:
        found = ask(server, 40)
        asked = [last_text(body["messages"]) for body in server.chats()]
    assert all("sourdough bread" in text for text in asked)
    assert len({text.partition("“")[2].partition("”")[0] for text in asked[1:]}) >= 4
    assert sum("sourdough bread" in prompt for prompt in found.prompts) == 40


def test_topic_prompts_are_the_same_for_the_same_seed() -> None:
    with OllamaServer() as server:
        first, second, other = (ask(server, 20, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first.prompts != other.prompts


def test_topic_prompts_ask_for_structured_answers() -> None:
    with OllamaServer() as server:
        ask(server, 8)
        keys = [body["format"]["required"][0] for body in server.chats()]
    assert keys[0] == "subtopics"
    assert set(keys[1:]) == {"prompts"}


def test_topic_prompts_report_how_far_they_are() -> None:
    steps: list[tuple[int, int]] = []
    with OllamaServer() as server:
        ask(server, 20, on_progress=lambda have, wanted: steps.append((have, wanted)))
    assert steps[0] == (0, 20)
    assert steps[-1] == (20, 20)
    assert [have for have, _ in steps] == sorted(have for have, _ in steps)


@pytest.mark.parametrize("said", ["Sure! Here you go.", "[]", '{"prompts": 5}', '{"prompts": ['])
def test_an_unreadable_teacher_is_helped_out_by_templates_and_it_is_said(said: str) -> None:
    with OllamaServer(answer=lambda messages: said) as server:
        found = ask(server, 12)
    assert len(found.prompts) == 12
    assert all("sourdough bread" in prompt for prompt in found.prompts)
    notes = " ".join(found.notes)
    assert "12 prompts of 12 come from templates" in notes
    assert "could not be read" in notes


def test_templates_use_the_parts_that_the_teacher_did_name() -> None:
    def answer(messages: Sequence[Any]) -> str:
        named = json.dumps({"subtopics": ["feeding the starter", "shaping the loaf"]})
        return named if "different parts" in last_text(messages) else "no idea"

    with OllamaServer(answer=answer) as server:
        found = ask(server, 40)
    assert any("feeding the starter (sourdough bread)" in prompt for prompt in found.prompts)


def test_a_teacher_that_repeats_itself_is_not_asked_for_ever() -> None:
    same = json.dumps({"prompts": ["How warm is the oven?", "how warm is  the OVEN", "Why?"]})
    with OllamaServer(answer=lambda messages: same) as server:
        found = ask(server, 30)
        asked = len(server.chats())
    assert asked <= 12
    assert found.prompts[0] == "How warm is the oven?"
    assert len(found.prompts) < 30
    assert any("instead of 30" in note for note in found.notes)
    assert any("repeated" in note for note in found.notes)
    assert any("shorter than 8" in note for note in found.notes)


def test_lists_in_fences_with_numbers_or_cut_off_are_still_read() -> None:
    replies = iter(
        [
            json.dumps({"subtopics": ["the oven"]}),
            '```json\n{"prompts": ["1. How hot is the oven?", "- Why preheat it?"]}\n```',
            '["“When is it hot enough?”"]',
            '{"prompts": ["What is a baking stone?", "How long does it ta',
        ]
    )
    with OllamaServer(answer=lambda messages: next(replies)) as server:
        found = ask(server, 4)
    assert found.prompts == (
        "How hot is the oven?",
        "Why preheat it?",
        "When is it hot enough?",
        "What is a baking stone?",
    )


def test_remarks_and_placeholders_are_no_prompts() -> None:
    bad = ["As an AI I cannot ask.", "Tell me about [topic] now", "<|im_start|> hello there"]
    said = json.dumps({"prompts": [*bad, "How hot is the oven?"]})
    with OllamaServer(answer=lambda messages: said) as server:
        found = ask(server, 1)
    assert found.prompts == ("How hot is the oven?",)


def test_an_empty_answer_counts_as_unreadable() -> None:
    with OllamaServer(faults=Faults(empty_answer=True)) as server:
        assert len(ask(server, 6).prompts) == 6


def test_a_teacher_that_is_gone_is_an_error() -> None:
    with OllamaServer(faults=Faults(busy_next=9)) as server, pytest.raises(TeacherUnavailable):
        ask(server, 6)


def test_topics_that_cannot_be_used_are_refused() -> None:
    with OllamaServer(answer=lambda messages: "no") as server:
        with pytest.raises(InputError, match="topic is empty"):
            ask(server, 6, topic=" \n")
        with pytest.raises(TeacherReplyInvalid, match="0 prompts about a topic of 600 letters"):
            ask(server, 6, topic="x" * 600)


# ── one's own ───────────────────────────────────────────────────────────────────────────────────


def test_own_prompts_keep_their_order_and_words() -> None:
    lines = ["\ufeff  What is 2 + 2? ", "", "what is 2 + 2", "- a list mark stays", "x" * 1001]
    found = own_prompts(lines)
    assert found.prompts == ("What is 2 + 2?", "- a list mark stays")
    assert found.notes == (
        "1 prompt left out: empty.",
        "1 prompt left out: repeated.",
        "1 prompt left out: longer than 1000 letters.",
    )


def test_own_prompts_in_any_script_are_told_apart() -> None:
    lines = ["卵を焼くには?", "パンを焼くには?", "🍳?", "🍞?", "C++", "C#"]
    assert own_prompts(lines).prompts == tuple(lines)


def test_no_own_prompts_left_is_an_error() -> None:
    with pytest.raises(InputError, match="0 usable prompts"):
        own_prompts(["", "  "])


# ── the drawn world ─────────────────────────────────────────────────────────────────────────────


def test_drawn_questions_can_be_drawn_again_from_their_names() -> None:
    questions = microworld_questions(12, seed=5)
    assert len({question.spec for question in questions}) == 12
    for question in questions:
        drawn = from_spec(question.spec)
        assert question.spec.startswith("train/")
        assert question.text == drawn.question
        assert len(question.pictures) == len(drawn.pictures)
        for data, picture in zip(question.pictures, drawn.pictures, strict=True):
            assert data.startswith(b"\x89PNG")
            assert Image.open(io.BytesIO(data)).tobytes() == picture.tobytes()


def test_drawn_questions_are_the_same_for_the_same_seed() -> None:
    assert microworld_questions(6, seed=1) == microworld_questions(6, seed=1)
    assert microworld_questions(6, seed=1) != microworld_questions(6, seed=2)


# ── other ways than the outline ─────────────────────────────────────────────────────────────────


def test_people_who_ask_shape_prompts_from_some_number_on() -> None:
    with OllamaServer() as server:
        found = ask(server, 40)
        asked = [last_text(body["messages"]) for body in server.chats()]
    assert any("different people" in text for text in asked)
    assert sum("in the words of a " in text for text in asked) == len(asked) - 2
    assert any("a parent of three small children" in origin for origin in found.origins)
    assert len(found.origins) == 40


def test_a_template_is_continued_where_a_user_would_speak() -> None:
    with OllamaServer() as server:
        found = ask(server, 12, method="magpie")
        raw = [each.json for each in server.requests if each.path == "/api/generate"]
        asked = [body for body in server.chats() if not body.get("_debug_render_only")]
    assert len(found.prompts) == 12
    assert "12 made up by the teacher as a user (Magpie)" in " ".join(found.notes)
    assert not asked, "nothing was asked in words"
    assert all(body["raw"] and body["prompt"].endswith("<|im_start|>user\n") for body in raw)
    assert all(body["options"]["stop"] == ["<|im_end|>"] for body in raw)
    assert "sourdough bread" in raw[0]["prompt"]
    assert len({body["options"]["seed"] for body in raw}) == len(raw)


def test_a_server_that_shows_no_template_is_asked_with_examples() -> None:
    def answer(messages: Sequence[Any]) -> str:
        listed = last_text(messages).count("\n")
        return f"Here are more:\n1. How warm is loaf {listed}?\n2) Why does bread {listed} rise?"

    with OllamaServer(answer=answer) as server:
        server.faults.replies["/api/generate"] = (404, b'{"error":"no"}')
        found = ask(server, 4, method="examples")
        texts = [last_text(body["messages"]) for body in server.chats()]
    assert "written after examples" in " ".join(found.notes)
    assert found.prompts[:2] == ("How warm is loaf 4?", "Why does bread 4 rise?")
    assert "numbered list" in texts[0]


def test_made_up_turns_that_are_none_are_given_up_after_a_few() -> None:
    with OllamaServer(answer=lambda messages: "Sure, here it is.") as server:
        ask(server, 40)
        raw = [each for each in server.requests if each.path == "/api/generate"]
    assert len(raw) == 4


def test_nearly_repeated_prompts_are_left_out_and_counted() -> None:
    first = "How do I keep a sourdough starter alive while I am away for three weeks?"
    said = json.dumps({"prompts": [first, first.replace("three", "four"), "Why does it rise?"]})
    with OllamaServer(answer=lambda messages: said) as server:
        found = ask(server, 2)
    assert found.prompts == (first, "Why does it rise?")
    assert "1 prompt left out: nearly repeated." in found.notes
