from __future__ import annotations

from pathlib import Path

import pytest

from model.compare_records import BUILTIN_SIDE, CompareConfig
from model.comparing.prompt_sets import read_prompts, tasks_of, ten_prompts
from model.errors import ConfigError, InputError
from model.knowledge.pictures import Pictures
from model.microworld.oracle import from_spec

SIDES = ("shipped", str(BUILTIN_SIDE))


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_there_are_ten_plain_prompts() -> None:
    assert len(ten_prompts()) == len(set(ten_prompts())) == 10
    assert all(prompt.strip() for prompt in ten_prompts())


def test_drawn_questions_bring_pictures_facts_and_the_right_answer(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    config = CompareConfig(sides=SIDES, prompt_set="microworld", questions=12)
    tasks = tasks_of(config, pictures)
    assert len(tasks) == 12
    for task in tasks:
        drawn = from_spec(task.spec)
        assert (task.prompt, task.answer) == (drawn.question, drawn.answer)
        assert len(task.pictures) == len(drawn.pictures)
        assert all(pictures.path(picture).is_file() for picture in task.pictures)
    assert any(task.facts for task in tasks)
    assert tasks == tasks_of(config, pictures)


def test_typed_prompts_keep_their_answers(tmp_path: Path) -> None:
    config = CompareConfig(sides=SIDES, prompts=("a", "b"), answers=("x", ""))
    assert [task.answer for task in tasks_of(config, Pictures(tmp_path))] == ["x", ""]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "one => 1\n\ntwo\n"),
        ("a.csv", "prompt,answer\none,1\ntwo,\n"),
        ("b.csv", "\ufeffanswer,prompt\n1,one\n,two\n"),
        ("a.jsonl", '{"prompt": "one", "answer": 1}\n\n{"prompt": "two"}\n'),
    ],
)
def test_a_file_gives_prompts_and_answers(tmp_path: Path, name: str, content: str) -> None:
    assert read_prompts(write(tmp_path, name, content)) == (("one", "1"), ("two", ""))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "", "0 prompts"),
        ("a.txt", b"\xff\xfe\x00", "UTF-8"),
        ("a.txt", "x\n" * 501, "501 prompts"),
        ("a.txt", "x" * 4_000_001, "4,000,001 bytes"),
        ("a.csv", "question\nx\n", "no column"),
        ("a.jsonl", "{", "Line 1 is not JSON"),
        ("a.jsonl", '{"prompt": 3}', "Line 1 has no"),
        ("a.jsonl", "[]", "Line 1 has no"),
    ],
)
def test_a_bad_file_is_told_in_words(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read_prompts(write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sides": ("a",), "prompts": ("x",)}, "1 sides"),
        ({"sides": ("a", "b", "c", "d"), "prompts": ("x",)}, "4 sides"),
        ({"sides": ("a", "a"), "prompts": ("x",)}, "chosen twice"),
        ({"sides": ("a", "b")}, "0 prompts"),
        ({"sides": ("a", "b"), "prompts": ("x",) * 501}, "501 prompts"),
        ({"sides": ("a", "b"), "prompt_set": "microworld", "questions": 0}, "questions is 0"),
    ],
)
def test_what_cannot_be_compared_is_told(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CompareConfig(**settings)  # type: ignore[arg-type]
