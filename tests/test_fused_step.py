from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.config import DecoderConfig
from model.network.decoding import Steps, fused_refusal, plain_step
from model.network.fused_step import FusedStep, quantised
from model.network.text_generation import Decoder, KVCache

CONFIG = DecoderConfig(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)


def _decoder() -> Decoder:
    torch.manual_seed(2)
    decoder = Decoder(CONFIG).eval()
    for parameter in decoder.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return decoder


def test_a_head_of_its_own_scores_the_tokens() -> None:
    torch.manual_seed(3)
    decoder = Decoder(replace(CONFIG, tie_word_embeddings=False)).eval()
    plain, fast = _caches(1)
    fused = FusedStep(decoder, fast)
    assert torch.allclose(fused([7], [0]), plain_step(decoder, [7], [0], plain), atol=1e-5)


def _caches(rows: int) -> tuple[KVCache, KVCache]:
    one, other = (KVCache(CONFIG, rows, 64, torch.float32) for _ in range(2))
    return one, other


@pytest.mark.parametrize("batch", [1, 3, 4, 7])
def test_a_fused_step_equals_the_reference_at_any_batch_and_position(batch: int) -> None:
    decoder, (plain, fast) = _decoder(), _caches(8)
    fused = FusedStep(decoder, fast)
    positions = [2 * row for row in range(batch)]  # every row is somewhere else
    for row in range(batch):
        for position in range(positions[row]):
            for cache in (plain, fast):
                cache.keys[:, row, :, position] = 0.1 * (position + row)
                cache.values[:, row, :, position] = 0.05 * (position - row)
    for turn in range(5):
        ids = [(7 * row + turn) % CONFIG.vocab_size for row in range(batch)]
        at = [position + turn for position in positions]
        expected_BV = plain_step(decoder, ids, at, plain)
        assert torch.allclose(fused(ids, at), expected_BV, atol=1e-5)
    assert torch.allclose(fast.keys, plain.keys, atol=1e-6)
    assert torch.allclose(fast.values, plain.values, atol=1e-6)


def test_whole_number_weights_equal_their_rounded_floats() -> None:
    decoder, (plain, fast) = _decoder(), _caches(2)
    fused = FusedStep(decoder, fast, int8=True)
    rounded = _decoder()
    with torch.no_grad():
        for name, parameter in rounded.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                numbers, scale = quantised(parameter.numpy())
                parameter.copy_(torch.from_numpy(numbers * scale[:, None]))
        # tokens are looked up in full; only the head is rounded
        numbers, scale = quantised(rounded.embed_tokens.weight.numpy())
        head_VD = torch.from_numpy(numbers * scale[:, None])
    for position in range(4):
        ids, at = [5, 9], [position, position]
        embedded_BSD = rounded.embed_tokens(torch.tensor(ids)[:, None])
        where_BS = torch.tensor(at)[:, None]
        with torch.inference_mode():
            hidden_BSD = rounded(embedded_BSD, where_BS, plain, range(2))
        assert torch.allclose(fused(ids, at), hidden_BSD[:, 0] @ head_VD.T, atol=1e-4)


def test_rounding_by_hand() -> None:
    numbers, scale = quantised(np.array([[1.0, -0.5, 0.25], [0.0, 0.0, 0.0]], np.float32))
    assert numbers.tolist() == [[127, -64, 32], [0, 0, 0]]
    assert scale.tolist() == pytest.approx([1 / 127, 1.0])


def test_whole_numbers_take_a_quarter_of_the_bytes() -> None:
    decoder, (one, other) = _decoder(), _caches(1)
    full, small = FusedStep(decoder, one), FusedStep(decoder, other, int8=True)
    assert small.nbytes < 0.35 * full.nbytes


def test_warming_up_leaves_no_trace() -> None:
    decoder, (cache, _) = _decoder(), _caches(2)
    FusedStep(decoder, cache).warm_up()
    assert not cache.keys.any()
    assert not cache.values.any()


def test_a_decoder_with_other_parts_keeps_to_plain_steps() -> None:
    class Wrapped(torch.nn.Linear):
        pass

    decoder = _decoder()
    assert fused_refusal(decoder) == ""
    assert "qwen3" in fused_refusal(Decoder(replace(CONFIG, family="qwen3")))
    assert "97" in fused_refusal(Decoder(replace(CONFIG, vocab_size=97)))
    decoder.layers[1].mlp.up_proj = Wrapped(32, 64, bias=False)  # type: ignore[union-attr]
    assert "mlp.up_proj" in fused_refusal(decoder)
    assert "bfloat16" in fused_refusal(_decoder().to(torch.bfloat16))
    plain, cache = _caches(1)
    steps = Steps(decoder, cache, wait=True)
    assert not steps.fused
    assert torch.equal(steps([3], [0]), plain_step(decoder, [3], [0], plain))


def test_steps_are_the_same_before_and_after_compiling() -> None:
    decoder, (plain, cache) = _decoder(), _caches(2)

    def scores(steps: Steps, ids: Sequence[int]) -> torch.Tensor:
        return steps(ids, [0] * len(ids)).clone()

    assert torch.allclose(
        scores(Steps(decoder, cache, wait=True), [4, 8]),
        plain_step(decoder, [4, 8], [0, 0], plain),
        atol=1e-5,
    )
