from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import InputError
from model.learning.graph_questions import (
    TOPIC,
    missing_labels,
    read_graph,
    read_questions,
    words_of,
)


def _file(folder: Path, text: str, name: str = "kb.tsv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("mark", ["\t", "|"])
def test_triples_are_read_with_either_mark(tmp_path: Path, mark: str) -> None:
    lines = (("egg", "boil", "boiled egg"), ("egg", "fry", "fried egg"))
    table, problems = read_graph(_file(tmp_path, "\n".join(mark.join(line) for line in lines)))
    assert table.labels == ("egg", "boiled egg", "fried egg")
    assert table.relations == ("boil", "fry")
    assert table.triples_E3.tolist() == [[0, 0, 1], [0, 1, 2]]
    assert problems == []


def test_bad_lines_of_a_graph_are_told_with_number_and_reason(tmp_path: Path) -> None:
    path = _file(tmp_path, "a\tr\tb\n\nonly\ttwo\na\t \tb\na\tr\tb\tmore\na\tr\tb\n")
    table, problems = read_graph(path)
    assert len(table.triples_E3) == 1, "the last line repeats the first"
    assert [(problem.row, problem.words.split(";")[0]) for problem in problems] == [
        (3, "has 2 cells"),
        (4, "has an empty cell"),
        (5, "has 4 cells"),
    ]


def test_a_bar_in_a_label_of_a_file_with_tabs_belongs_to_the_label(tmp_path: Path) -> None:
    table, _ = read_graph(_file(tmp_path, "a|b\tr\tc\n"))
    assert table.labels == ("a|b", "c")


def test_a_graph_without_triples_says_what_a_line_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds 0 triples.*line 1 has 1 cells"):
        read_graph(_file(tmp_path, "hello\n"))
    with pytest.raises(InputError, match="cannot be read"):
        read_graph(tmp_path / "none.tsv")
    (tmp_path / "bytes.tsv").write_bytes(b"a\tr\t\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_graph(tmp_path / "bytes.tsv")


def test_a_question_keeps_its_topic_and_hides_it_among_the_words(tmp_path: Path) -> None:
    path = _file(tmp_path, "What is [Boiled Egg]'s colour?\twhite|yellow|white\n", "q.tsv")
    (question,), problems = read_questions(path)
    assert question.topic == "Boiled Egg"
    assert question.words == ("what", "is", TOPIC, "'", "s", "colour", "?")
    assert question.answers == ("white", "yellow")
    assert problems == []


def test_bad_lines_of_questions_are_told_with_number_and_reason(tmp_path: Path) -> None:
    text = "fine [a]\tb\nno tab [a]\nno topic\tb\ntwo [a] [b]\tc\nno answer [a]\t | \n"
    questions, problems = read_questions(_file(tmp_path, text, "q.tsv"))
    assert len(questions) == 1
    assert [problem.row for problem in problems] == [2, 3, 4, 5]
    assert problems[1].words.startswith("names 0 topics")
    assert problems[2].words.startswith("names 2 topics")


def test_questions_that_the_graph_cannot_answer_are_set_aside(tmp_path: Path) -> None:
    text = "x [Egg]\twhite\nx [ghost]\twhite\nx [egg]\tghost\n"
    questions, _ = read_questions(_file(tmp_path, text, "q.tsv"))
    usable, problems = missing_labels(questions, ("egg", "white"))
    assert [question.row for question in usable] == [1]
    assert [(problem.row, "ghost" in problem.words) for problem in problems] == [
        (2, True),
        (3, False),
    ]


def test_words_are_small_and_marks_stand_alone() -> None:
    assert words_of("Who, in 1999?") == ("who", ",", "in", "1999", "?")
