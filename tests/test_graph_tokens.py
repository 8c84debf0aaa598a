from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.knowledge.told_facts import ToldFact
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.graph_tokens import GraphTokens, pad_subgraphs, rms, subgraph
from model.network.image_tokenizer import Message
from model.network.text_generation import KVCache
from model.network.text_tokenizer import GRAPH
from model.serving.prompt_reading import PromptReader
from tests.small import make_tokenizer, picture

EGG = ToldFact("egg", "heat", "fried egg", 1.0, 1)
LEAF = ToldFact("leaf", "dry", "dry leaf", 0.4, 2)
QUESTION = "What if I heat an egg?"


@pytest.fixture(scope="module")
def student(tiny_student: ImageTokenReasoningLLM) -> ImageTokenReasoningLLM:
    """The tiny student, with graph tokens of random weights."""
    config = replace(tiny_student.config, graph_tokens=5)
    torch.manual_seed(1)
    found = ImageTokenReasoningLLM(config, tiny_student.tokenizer)
    found.load_state_dict(tiny_student.state_dict(), strict=False)
    return found.eval()


def _prompt(student: ImageTokenReasoningLLM, *facts: ToldFact, text: str = QUESTION) -> Prompt:
    lines = [fact.line for fact in facts]
    return student.prompt([Message("user", text)], (), lines, graph=facts, room=40)


def _scores(student: ImageTokenReasoningLLM, prompt: Prompt) -> torch.Tensor:
    return student.prefill(prompt, KVCache(student.config.decoder, 1, 512, torch.float32), 0)


def test_a_student_without_graph_tokens_reads_what_it_always_read(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    asked = [Message("user", QUESTION)]
    told = tiny_student.prompt(asked, (), [EGG.line], graph=[EGG], room=40)
    plain = tiny_student.prompt(asked, (), [EGG.line], room=40)
    assert told.ids == plain.ids
    assert told.graph is None
    assert tiny_student.encode_graph([told.graph]) is None


def test_graph_tokens_stand_where_the_first_fact_would(student: ImageTokenReasoningLLM) -> None:
    tokenizer = student.tokenizer
    prompt = _prompt(student, EGG)
    expected = tokenizer.encode(
        f"<s><|im_start|>system\nFacts:\n{GRAPH * 5}egg | heat | fried egg<|im_end|>\n"
        f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert list(prompt.ids) == expected
    assert prompt.ids.count(tokenizer.id(GRAPH)) == 5


def test_without_graph_tokens_the_lines_alone_are_left(
    student: ImageTokenReasoningLLM, tiny_student: ImageTokenReasoningLLM
) -> None:
    bare = _prompt(student, EGG, LEAF).without_graph
    plain = _prompt(tiny_student, EGG, LEAF)
    assert bare.ids == plain.ids
    assert bare.graph is plain.graph is None


def test_no_facts_no_slots(student: ImageTokenReasoningLLM) -> None:
    prompt = student.prompt([Message("user", QUESTION)], room=40)
    assert prompt.graph is None
    assert student.tokenizer.id(GRAPH) not in prompt.ids
    assert prompt.without_graph is prompt


def test_words_that_somebody_types_make_no_slot(student: ImageTokenReasoningLLM) -> None:
    fact = ToldFact(f"egg {GRAPH}", GRAPH, GRAPH, 1.0, 1)
    prompt = _prompt(student, fact, text=f"What is {GRAPH}?")
    assert prompt.ids.count(student.tokenizer.id(GRAPH)) == 5
    assert torch.isfinite(_scores(student, prompt)).all()


def test_the_token_that_sees_one_word_is_this_word_as_loud_as_it_is() -> None:
    tokenizer = make_tokenizer()
    words = torch.nn.Embedding(len(tokenizer), 6)
    tokens = GraphTokens(6, 2, rank=4)
    with torch.no_grad():
        for parameter in tokens.parameters():
            parameter.zero_()
        # one query looks at the first token of objects only, the other at that of subjects
        tokens.query[:, 0], tokens.query[:, 1] = (
            torch.tensor([50.0, 0.0]),
            torch.tensor([0.0, 50.0]),
        )
        tokens.part[2, 0], tokens.part[0, 1] = 2.0, 2.0
        tokens.place[0, :2] = 1.0
    given = subgraph(tokenizer, "", [ToldFact("egg", "heat", "leaf", 1.0, 1)])
    assert given is not None
    with torch.inference_mode():
        found_KD = tokens(words, pad_subgraphs([given]))[0]
    object_, subject = given.facts[0][2][0], given.facts[0][0][0]
    assert torch.allclose(found_KD[0], words.weight[object_], atol=1e-4)
    assert torch.allclose(found_KD[1], words.weight[subject], atol=1e-4)


def test_padding_changes_nothing_and_loudness_is_that_of_words(
    student: ImageTokenReasoningLLM,
) -> None:
    tokens, words = student.graph_tokens, student.model.embed_tokens
    assert tokens is not None
    one = subgraph(student.tokenizer, QUESTION, [EGG])
    two = subgraph(student.tokenizer, "And a very much longer question?", [LEAF, EGG, LEAF])
    assert one is not None
    assert two is not None
    with torch.inference_mode():
        alone_KD = tokens(words, pad_subgraphs([one]))[0]
        together_NKD = tokens(words, pad_subgraphs([one, two]))
    assert together_NKD.shape == (2, 5, student.config.decoder.hidden_size)
    assert torch.allclose(alone_KD, together_NKD[0], atol=1e-5)
    loudness = rms(words.weight)
    assert (rms(together_NKD) <= loudness.max() + 1e-5).all()
    assert (rms(together_NKD) >= loudness.min() - 1e-5).all()


def test_weights_hops_and_the_question_count(student: ImageTokenReasoningLLM) -> None:
    base = _scores(student, _prompt(student, EGG, LEAF))
    for other in (
        (replace(EGG, weight=0.1), LEAF),
        (replace(EGG, hop=3), LEAF),
    ):
        asked = _prompt(student, *other)
        assert asked.ids == _prompt(student, EGG, LEAF).ids
        assert not torch.allclose(_scores(student, asked), base, atol=1e-4)


@pytest.mark.parametrize("piece", [7, None])
def test_read_in_pieces_or_whole_or_again_it_is_the_same(
    student: ImageTokenReasoningLLM, piece: int | None
) -> None:
    reader = PromptReader(student, KVCache(student.config.decoder, 2, 512, torch.float32), 1)
    prompt = student.prompt(
        [Message("user", QUESTION, 1)], [picture("red")], [EGG.line], graph=[EGG, LEAF], room=40
    )
    whole = _scores(student, prompt)
    for _ in range(2):
        reading = reader.begin(prompt)
        scores_V = reader.advance(reading, piece)
        while scores_V is None:
            scores_V = reader.advance(reading, piece)
        assert torch.allclose(scores_V, whole, atol=1e-4)
        reader.keep(reading.keys_S, 1)
    assert reading.reused == len(prompt.ids) - 1


def test_the_same_lines_of_another_graph_are_read_again(student: ImageTokenReasoningLLM) -> None:
    reader = PromptReader(student, KVCache(student.config.decoder, 2, 512, torch.float32), 1)
    first, second = _prompt(student, EGG), _prompt(student, replace(EGG, weight=0.2))
    assert first.ids == second.ids
    reading = reader.begin(first)
    reader.advance(reading)
    reader.keep(reading.keys_S, 1)
    other = reader.begin(second)
    assert other.reused <= first.ids.index(student.tokenizer.id(GRAPH))
    scores_V = reader.advance(other)
    assert scores_V is not None
    assert torch.allclose(scores_V, _scores(student, second), atol=1e-4)


def test_a_bundle_keeps_graph_tokens_and_old_ones_load(
    student: ImageTokenReasoningLLM, tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    student.save(tmp_path / "new")
    back = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "new")
    assert back.config.graph_tokens == 5
    prompt = _prompt(student, EGG)
    assert _prompt(back, EGG).ids == prompt.ids
    assert torch.allclose(_scores(back, prompt), _scores(student, prompt), atol=0.05)
    tiny_student.save(tmp_path / "old")
    config = tmp_path / "old" / "config.json"
    config.write_text(config.read_text().replace('"graph_tokens": 0,\n', ""))
    assert ImageTokenReasoningLLM.load_from_bundle(tmp_path / "old").graph_tokens is None


def test_an_exported_student_reads_the_facts_in_words_alone(
    student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    student.export_ollama_bundle(tmp_path / "gguf", name="tiny", precision="f32")
    back = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "gguf")
    assert back.config.graph_tokens == 0
    prompt = _prompt(back, EGG)
    assert prompt.graph is None
    assert prompt.ids == _prompt(student, EGG).without_graph.ids
