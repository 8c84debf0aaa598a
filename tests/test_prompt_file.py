"""Own prompts from files, with and without answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.errors import InputError
from model.learning.prompt_file import read_prompt_file
from model.prompt_records import OwnPrompt

PAIRS = (OwnPrompt("What is dough?", "Flour, and water."), OwnPrompt("What is crust?"))
CHAT = {"messages": [{"role": "user", "content": "What is dough?"},
                     {"role": "assistant", "content": "Flour, and water."}]}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "What is dough?\tFlour, and water.\n\nWhat is  crust?\nWhat is crust?\n"),
        ("a.csv", 'What is dough?,"Flour, and water."\nWhat is crust?,\n'),
        ("b.csv", 'n,Answer,Question\n1,"Flour, and water.",What is dough?\n2,,What is crust?\n'),
        ("a.tsv", "prompt\tanswer\nWhat is dough?\tFlour, and water.\nWhat is crust?\n"),
        (
            "a.jsonl",
            json.dumps({"instruction": "What is dough?", "output": "Flour, and water."})
            + '\n\n"What is crust?"\n',
        ),
        ("b.jsonl", json.dumps(CHAT) + '\n{"question": "What is crust?"}'),
        ("a.json", json.dumps([CHAT, {"prompt": "What is crust?"}])),
    ],
)
def test_every_kind_of_file_gives_the_same_pairs(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text("\ufeff" + text, encoding="utf-8")
    assert read_prompt_file(tmp_path / name) == PAIRS


def test_of_a_prompt_that_comes_twice_the_answered_one_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\none\tits answer\none\n", encoding="utf-8")
    assert read_prompt_file(tmp_path / "a.txt") == (OwnPrompt("one", "its answer"),)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", b"\n\n", "0 prompts"),
        ("a.txt", b"\xff\xfecaf\xe9", "UTF-8"),
        ("a.txt", b"x" * 5_000_001, "5.0 MB"),
        ("a.txt", "\n".join(map(str, range(10_001))).encode(), "10,001"),
        ("a.pdf", b"x", "“.pdf” files are not read"),
        ("a.jsonl", b'{"prompt": "a"}\n{"prompt": ', "Row 2 is not JSON"),
        ("a.jsonl", b'{"prompt": "a"}\n{"colour": "b"}', "Row 2 has no prompt"),
        ("a.jsonl", b'{"prompt": ["a"]}', "Row 1 has no prompt"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_their_row(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_prompt_file(tmp_path / name)
