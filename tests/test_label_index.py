from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from model.knowledge import label_index
from model.knowledge.label_index import K1, B, LabelIndex

LABELS = {3: "fried egg", 5: "egg", 8: "red lamp", 9: "egg and egg"}


def bm25(labels: dict[int, str], asked: list[str]) -> list[tuple[int, float]]:
    """The formula as it stands in the paper, with Lucene's idf, over all labels."""
    texts = {node: label.split() for node, label in labels.items()}
    mean = sum(map(len, texts.values())) / len(texts)
    scores = {}
    for node, text in texts.items():
        counts, score = Counter(text), 0.0
        for word in set(asked):
            having = sum(word in other for other in texts.values())
            idf = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
            length = K1 * (1 - B + B * len(text) / mean)
            score += idf * counts[word] / (counts[word] + length)
        if score:
            scores[node] = score
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def test_scores_are_those_of_the_formula() -> None:
    found = LabelIndex(LABELS.items()).search(["fried", "egg"], 9)
    expected = bm25(LABELS, ["fried", "egg"])
    assert [node for node, _ in found] == [node for node, _ in expected] == [3, 5, 9]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])


def test_one_word_in_one_label_by_hand() -> None:
    # 2 labels, the word stands in 1: idf = ln(1 + 1.5 / 1.5); length 1, mean 1.5
    [(node, score)] = LabelIndex([(1, "egg"), (2, "red lamp")]).search(["egg"], 5)
    assert node == 1
    assert score == pytest.approx(math.log(2) / (1 + 1.5 * (0.25 + 0.75 / 1.5)))


def test_labels_that_come_and_go_leave_the_index_as_if_it_were_built_anew() -> None:
    rng = random.Random(5)
    vocabulary = ["egg", "lamp", "red", "fried", "old"]
    labels, index = dict(LABELS), LabelIndex(LABELS.items())
    for step in range(400):
        node = rng.randrange(40)
        if node in labels:
            index.remove(node, labels.pop(node))
        else:
            labels[node] = " ".join(rng.choices(vocabulary, k=rng.randint(1, 4)))
            index.add(node, labels[node])
        if labels and step % 10 == 0:
            asked = rng.sample(vocabulary, 2)
            found, expected = index.search(asked, 99), bm25(labels, asked)
            assert dict(found) == pytest.approx(dict(expected))
    assert len(index) == len(labels)


def test_only_the_best_are_given() -> None:
    index = LabelIndex((n, f"egg {'x ' * n}") for n in range(1, 60))
    assert [node for node, _ in index.search(["egg"], 3)] == [1, 2, 3]


def test_a_label_of_which_too_little_is_asked_is_left_out() -> None:
    found = LabelIndex(LABELS.items()).search(["egg"], 9, least_share=0.6)
    assert [node for node, _ in found] == [5, 9]


def test_a_word_of_very_many_labels_counts_only_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_index, "COMMON", 2)
    index = LabelIndex(LABELS.items())
    assert [node for node, _ in index.search(["egg", "lamp"], 9)] == [8]
    assert {node for node, _ in index.search(["egg"], 9)} < set(LABELS)


@pytest.mark.parametrize("asked", [[], ["unknown"], [""]])
def test_nothing_is_found_where_nothing_is(asked: list[str]) -> None:
    assert LabelIndex(LABELS.items()).search(asked, 5) == []
    assert LabelIndex().search(asked, 5) == []
    assert LabelIndex(LABELS.items()).search(["egg"], 0) == []


def test_a_label_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(KeyError):
        LabelIndex(LABELS.items()).remove(4, "egg")
