from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from model.config import DecoderConfig, SampleConfig
from model.errors import ConfigError
from model.network.text_generation import Decoder, KVCache, Sampler, attend

SHAPES = [
    DecoderConfig(
        vocab_size=97,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=64,
        rope_theta=theta,
    )
    for heads, groups, theta in ((6, 2, 10_000.0), (4, 4, 500.0), (8, 1, 100_000.0))
]


def _pair(config: DecoderConfig) -> tuple[Decoder, LlamaForCausalLM]:
    torch.manual_seed(1)
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            num_key_value_heads=config.num_key_value_heads,
            max_position_embeddings=config.max_position_embeddings,
            rms_norm_eps=config.rms_norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            tie_word_embeddings=True,
        )
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    ours = Decoder(config).eval()
    ours.load_state_dict(theirs.model.state_dict())
    return ours, theirs


@pytest.mark.parametrize("config", SHAPES, ids=["grouped", "plain", "one-group"])
@torch.inference_mode()
def test_logits_equal_those_of_transformers(config: DecoderConfig) -> None:
    ours, theirs = _pair(config)
    ids = torch.randint(0, config.vocab_size, (2, 11))
    logits = ours.logits(ours(ours.embed_tokens(ids)))
    torch.testing.assert_close(logits, theirs(ids).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("config", SHAPES, ids=["grouped", "plain", "one-group"])
@torch.inference_mode()
def test_cached_decoding_equals_transformers_and_the_whole_pass(config: DecoderConfig) -> None:
    ours, theirs = _pair(config)
    ids = torch.randint(0, config.vocab_size, (1, 9))
    cache = KVCache(config, 1, 16, torch.float32)
    prefill = ours(ours.embed_tokens(ids[:, :5]), torch.arange(5)[None], cache, [0])
    pieces = [ours.logits(prefill)]
    for position in range(5, 9):
        step = ours.embed_tokens(ids[:, position : position + 1])
        pieces.append(ours.logits(ours(step, torch.tensor([[position]]), cache, [0])))
    torch.testing.assert_close(torch.cat(pieces, 1), theirs(ids).logits, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_rows_at_different_positions_do_not_see_each_other() -> None:
    config = SHAPES[0]
    ours, _ = _pair(config)
    texts = [torch.randint(0, config.vocab_size, (1, length)) for length in (3, 7, 5)]
    cache = KVCache(config, 3, 16, torch.float32)
    for row, ids in enumerate(texts):
        ours(ours.embed_tokens(ids), torch.arange(ids.shape[1])[None], cache, [row])
    last = torch.tensor([[4], [9], [2]])
    positions = torch.tensor([[3], [7], [5]])
    together = ours(ours.embed_tokens(last), positions, cache, [0, 1, 2])
    for row, ids in enumerate(texts):
        alone = ours(ours.embed_tokens(torch.cat([ids, last[row : row + 1]], 1)))[:, -1]
        torch.testing.assert_close(together[row], alone, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_moved_row_continues_as_before() -> None:
    config = SHAPES[0]
    ours, _ = _pair(config)
    ids = torch.randint(0, config.vocab_size, (1, 6))
    cache = KVCache(config, 3, 16, torch.float32)
    ours(ours.embed_tokens(ids), torch.arange(6)[None], cache, [2])
    step, at = ours.embed_tokens(torch.tensor([[5]])), torch.tensor([[6]])
    before = ours(step, at, cache, [2])
    cache.move(2, 0)
    torch.testing.assert_close(ours(step, at, cache, [0]), before)


def test_odd_shapes_are_refused_with_numbers() -> None:
    with pytest.raises(ConfigError, match="48 cannot be divided among 5"):
        replace(SHAPES[0], num_attention_heads=5, num_key_value_heads=5)
    with pytest.raises(ConfigError, match="6 attention heads cannot share 4"):
        replace(SHAPES[0], num_key_value_heads=4)
    with pytest.raises(ConfigError, match="head width 3 is odd"):
        replace(SHAPES[0], num_attention_heads=16, num_key_value_heads=16)


# ── drawing ─────────────────────────────────────────────────────────────────────────────────────

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def _drawn(config: SampleConfig, times: int = 400) -> set[int]:
    sampler = Sampler(config)
    return {sampler.next(LOGITS) for _ in range(times)}


def test_temperature_zero_takes_the_likeliest() -> None:
    assert _drawn(SampleConfig(temperature=0), 3) == {0}


@pytest.mark.parametrize("temperature", [1e-40, 1e-5])
def test_a_temperature_next_to_zero_takes_the_likeliest(temperature: float) -> None:
    assert _drawn(SampleConfig(temperature=temperature), 3) == {0}


def test_same_seed_same_tokens() -> None:
    config = SampleConfig(temperature=1.0, seed=7)
    first, second = Sampler(config), Sampler(config)
    assert [first.next(LOGITS) for _ in range(50)] == [second.next(LOGITS) for _ in range(50)]


def test_shares_follow_the_probabilities() -> None:
    sampler = Sampler(SampleConfig(temperature=1.0, seed=3))
    draws = torch.tensor([sampler.next(LOGITS) for _ in range(4000)])
    shares = torch.bincount(draws, minlength=4) / 4000
    torch.testing.assert_close(shares, LOGITS.softmax(-1), atol=0.03, rtol=0)


def test_top_k_keeps_k_tokens() -> None:
    assert _drawn(SampleConfig(temperature=2.0, top_k=2)) == {0, 1}


def test_top_p_keeps_the_likeliest_up_to_its_share() -> None:
    # softmax is .644 .237 .087 .032: two tokens reach .7, and the second crosses it
    assert _drawn(SampleConfig(temperature=1.0, top_p=0.7)) == {0, 1}
    assert _drawn(SampleConfig(temperature=1.0, top_p=0.6)) == {0}


def test_min_p_drops_what_is_far_less_likely_than_the_best() -> None:
    # shares of the likeliest: 1, .368, .135, .050
    assert _drawn(SampleConfig(temperature=1.0, min_p=0.1)) == {0, 1, 2}


def test_repetition_penalty_divides_positive_and_multiplies_negative_scores() -> None:
    sampler = Sampler(SampleConfig(temperature=0, repetition_penalty=1.9))
    assert sampler.next(torch.tensor([1.8, 1.0, 0.5])) == 0
    assert sampler.next(torch.tensor([1.8, 1.0, 0.5])) == 1  # 1.8 / 1.9 = .947
    assert sampler.next(torch.tensor([-0.1, -0.1, -0.15])) == 2  # -.1 × 1.9 = -.19


def test_banned_tokens_are_never_drawn() -> None:
    assert Sampler(SampleConfig(temperature=0), banned=[0]).next(LOGITS) == 1


@pytest.mark.parametrize("masked", [False, True])
def test_attention_that_is_learned_from_equals_attention_that_is_not(masked: bool) -> None:
    torch.manual_seed(2)
    q, k, v = (torch.randn(2, 3, 7, 8) for _ in range(3))
    mask = torch.ones(2, 1, 7, 7, dtype=torch.bool).tril() if masked else None
    fused = attend(q, k, v, mask, causal=not masked)
    plain = attend(q.requires_grad_(), k, v, mask, causal=not masked)
    torch.testing.assert_close(plain, fused)
    assert plain.requires_grad
