"""Eight-bit matrices: the products are those of the rounded numbers, and hardly move an answer."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from model.config import DecoderConfig, SampleConfig
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.int8 import (
    SMALLEST,
    Int8Linear,
    Int8Matrix,
    Int8TokenTable,
    int8_works_here,
    quantise_rows,
    to_int8,
    weight_bytes,
)
from model.network.text_generation import Decoder, TokenTable
from model.serving.engine import Engine
from tests.small import make_tokenizer

pytestmark = [
    pytest.mark.skipif(not int8_works_here(), reason="the products are those of x86"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor"),
]
WIDE = DecoderConfig(
    vocab_size=1031,
    hidden_size=256,
    intermediate_size=1040,
    num_hidden_layers=2,
    num_attention_heads=8,
    num_key_value_heads=4,
    max_position_embeddings=64,
)


def decoder() -> Decoder:
    torch.manual_seed(3)
    made = Decoder(WIDE).eval()
    for parameter in made.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.06)
    return made


def test_a_row_is_rounded_by_its_own_largest_weight() -> None:
    whole, scale = quantise_rows(torch.tensor([[1.27, -0.634, 0.0], [0.0, 0.0, 0.0]]))
    assert whole.tolist() == [[127, -63, 0], [0, 0, 0]]
    assert scale[0].item() == pytest.approx(0.01)
    assert scale[1].item() > 0


def test_the_product_is_that_of_the_rounded_numbers() -> None:
    """Large values on both sides: with eight-bit inputs the sums of pairs would overflow."""
    torch.manual_seed(0)
    weight = torch.randn(96, 160).sign() * torch.rand(96, 160).clamp_min(0.9)
    x = torch.randn(3, 5, 160).sign() * torch.rand(3, 5, 160).clamp_min(0.9)
    whole, scale = quantise_rows(weight)
    top = x.abs().amax(-1, keepdim=True)
    rounded = (x / top * 63).round().double() * (top.double() / 63)
    exact = rounded @ (whole.double() * scale.double()[:, None]).T
    found = Int8Matrix(whole, scale).times(x)
    assert found.shape == (3, 5, 96)
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-3)


def test_a_row_does_not_depend_on_the_others_of_its_batch() -> None:
    torch.manual_seed(1)
    matrix = Int8Matrix(*quantise_rows(torch.randn(64, 128)))
    x = torch.randn(4, 128) * torch.tensor([1.0, 100.0, 0.01, 0.0])[:, None]
    together = matrix.times(x)
    for row in range(4):
        assert torch.equal(together[row], matrix.times(x[row : row + 1])[0])
        assert torch.equal(together[row], matrix.times(x[row]))
    assert torch.equal(together[3], torch.zeros(64))


def test_tokens_are_looked_up_and_scored_in_the_same_table() -> None:
    torch.manual_seed(2)
    table = TokenTable(40, 32)
    small = Int8TokenTable(table)
    ids = torch.tensor([[3, 39]])
    step = small.scale_V[ids][..., None]
    assert ((small(ids) - table(ids)).abs() <= 0.5001 * step).all()
    hidden = torch.randn(1, 2, 32)
    torch.testing.assert_close(small.scores(hidden), table.scores(hidden), rtol=0, atol=0.35)


def test_only_matrices_that_gain_are_turned() -> None:
    network = decoder()
    assert to_int8(network) == 2 * 3 + 1  # gate, up and down of each layer, and the table
    assert isinstance(network.layers[0].mlp.gate_proj, Int8Linear)  # type: ignore[union-attr]
    assert isinstance(network.layers[0].self_attn.q_proj, nn.Linear)  # type: ignore[union-attr]
    assert 256 * 256 < SMALLEST <= 1031 * 256


def test_the_weights_take_less_memory() -> None:
    network = decoder()
    before = weight_bytes(network)
    assert before == 4 * sum(parameter.numel() for parameter in network.parameters())
    turned = 6 * 256 * 1040 + 1031 * 256
    scales = 4 * (2 * (1040 + 1040 + 256) + 1031)
    to_int8(network)
    assert weight_bytes(network) == before - 4 * turned + turned + 1031 * 256 + scales


def test_scores_stay_close_and_the_likeliest_token_mostly_the_same() -> None:
    full = decoder()
    small = copy.deepcopy(full)
    to_int8(small)
    ids = torch.randint(0, 1031, (8, 32), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = full.logits(full(full.embed_tokens(ids)))
        given = small.logits(small(small.embed_tokens(ids)))
    off = (given - wanted).std() / wanted.std()
    assert off < 0.1
    assert (given.argmax(-1) == wanted.argmax(-1)).float().mean() > 0.8


@pytest.fixture(scope="module")
def students() -> tuple[ImageTokenReasoningLLM, ImageTokenReasoningLLM]:
    """The same student in full and in eight bits; random weights leave small gaps."""
    tokenizer = make_tokenizer()
    config = dataclasses.replace(WIDE, vocab_size=len(tokenizer), max_position_embeddings=512)
    full = ImageTokenReasoningLLM.new("tiny", tokenizer, seed=5, decoder=config).eval()
    small = copy.deepcopy(full)
    assert to_int8(small.model) == 6
    return full, small


QUESTIONS = ("What is this?", "What happens if I heat an egg?", "Who are you?", "What can you do?")


def test_greedy_answers_mostly_begin_the_same(students: Any) -> None:
    settings = {"max_tokens": 6}
    same = [
        one == other
        for question in QUESTIONS
        for one, other in [[student.generate(question, **settings) for student in students]]
    ]
    assert sum(same) >= 3


def test_the_engine_answers_in_eight_bits_as_the_plain_road_does(students: Any) -> None:
    """Four answers in one batch, each as if it were alone."""
    small, settings = students[1], SampleConfig(max_tokens=12)
    prompts = [small.prompt([Message("user", words)]) for words in QUESTIONS]
    engine = Engine(small, "hash")
    try:
        open_answers = [engine.ask(prompt, settings) for prompt in prompts]
        said = [
            "".join(event.text for event in answer.events() if event.kind == "token")
            for answer in open_answers
        ]
    finally:
        engine.close()
    assert said == ["".join(small.pieces(prompt, settings)) for prompt in prompts]
