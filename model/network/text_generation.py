"""The decoder: Llama to the letter, so that checkpoints move in both directions.

Parameter names and arithmetic are those of ``transformers``' ``LlamaForCausalLM`` (RMSNorm, rotary
positions by halves, grouped-query attention, SwiGLU, tied embeddings or a head of its own), and of
its near relatives Qwen2 and Qwen3; tests compare the logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from model.config import DecoderConfig, SampleConfig


class RMSNorm(nn.Module):
    """Scale each vector to unit root-mean-square, then by a learned weight."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Returns (B, S, D)."""
        return F.rms_norm(x_BSD, (x_BSD.shape[-1],), self.weight, self.eps)


def rotary_table(config: DecoderConfig) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every position. Returns two tensors (positions, K)."""
    frequencies = 1.0 / (config.rope_theta ** rotary_powers(config) * rotary_stretch(config))
    positions = torch.arange(config.max_position_embeddings, dtype=torch.float32)
    angles = torch.outer(positions, frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotary_powers(config: DecoderConfig) -> Tensor:
    """To which power of theta each pair of a head turns slower. Returns (K/2)."""
    return torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim


def rotary_stretch(config: DecoderConfig) -> Tensor:
    """By how much each pair of a head turns slower than it was first trained to. Returns (K/2).

    Source: Llama 3.1's long context; slow pairs are slowed by the factor, fast ones are left.
    """
    if not config.rope_stretch:
        return torch.ones(config.head_dim // 2)
    factor, low, high, length = config.rope_stretch
    waves = 2 * torch.pi * config.rope_theta ** rotary_powers(config)
    fast = ((length / waves - low) / (high - low)).clamp(0, 1)
    return 1 / ((1 - fast) / factor + fast)


def rotate(x_BHSK: Tensor, cos_BSK: Tensor, sin_BSK: Tensor) -> Tensor:
    """Turn each pair (k, k + K/2) by its position's angle. Returns (B, H, S, K)."""
    first, second = x_BHSK.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return x_BHSK * cos_BSK.unsqueeze(1) + turned * sin_BSK.unsqueeze(1)


def attend(
    q_BHSK: Tensor,
    k_BHTK: Tensor,
    v_BHTK: Tensor,
    mask_B1ST: Tensor | None = None,
    *,
    causal: bool = False,
) -> Tensor:
    """Mix values by the softmax of query times key. Returns (B, H, S, K).

    On a CPU the backward pass of PyTorch's fused kernel is slow for sequences as short as ours:
    plain products train 1.5 times as fast. They are taken there whenever a gradient is wanted.
    """
    if not (q_BHSK.requires_grad and q_BHSK.device.type == "cpu"):
        return F.scaled_dot_product_attention(
            q_BHSK, k_BHTK, v_BHTK, attn_mask=mask_B1ST, is_causal=causal
        )
    scores_BHST = q_BHSK @ k_BHTK.transpose(-1, -2) * q_BHSK.shape[-1] ** -0.5
    if causal:
        shape = scores_BHST.shape[-2:]
        future_ST = torch.full(shape, -torch.inf, dtype=scores_BHST.dtype).triu(1)
        scores_BHST = scores_BHST + future_ST
    elif mask_B1ST is not None:
        scores_BHST = scores_BHST.masked_fill(~mask_B1ST, -torch.inf)
    mixed_BHSK: Tensor = scores_BHST.softmax(-1).to(v_BHTK.dtype) @ v_BHTK
    return mixed_BHSK


class KVCache:
    """Keys and values of every layer for ``rows`` sequences, allocated once.

    A token at position p lies in slot p of its row, so a mask built from positions is all that is
    needed to read it back.
    """

    def __init__(
        self,
        config: DecoderConfig,
        rows: int,
        length: int,
        dtype: torch.dtype,
        device: torch.device | None = None,
    ) -> None:
        shape = (
            config.num_hidden_layers,
            rows,
            config.num_key_value_heads,
            length,
            config.head_dim,
        )
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self.length = length

    def write(
        self, layer: int, rows_B: Tensor, position_ids_BS: Tensor, k_BGSK: Tensor, v_BGSK: Tensor
    ) -> None:
        """Store new keys and values at their positions."""
        at = (rows_B[:, None], slice(None), position_ids_BS)
        self.keys[layer][at] = k_BGSK.transpose(1, 2)
        self.values[layer][at] = v_BGSK.transpose(1, 2)

    def read(self, layer: int, rows: int, length: int) -> tuple[Tensor, Tensor]:
        """The first slots of the first rows. Returns keys and values (rows, G, length, K)."""
        return self.keys[layer, :rows, :, :length], self.values[layer, :rows, :, :length]

    def move(self, source: int, target: int) -> None:
        """Copy one row over another, so that the rows in use stay together."""
        self.keys[:, target] = self.keys[:, source]
        self.values[:, target] = self.values[:, source]

    def copy(self, row: int, length: int) -> tuple[Tensor, Tensor]:
        """The first keys and values of a row, to be pasted later. Returns two (L, G, length, K)."""
        return self.keys[:, row, :, :length].clone(), self.values[:, row, :, :length].clone()

    def paste(self, row: int, caches: tuple[Tensor, Tensor], length: int) -> None:
        """Write the first ``length`` keys and values of a copy into a row."""
        self.keys[:, row, :, :length] = caches[0][:, :, :length]
        self.values[:, row, :, :length] = caches[1][:, :, :length]


class Attention(nn.Module):
    """Causal self-attention with fewer key-value heads than query heads."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width, kv_width = config.hidden_size, config.num_key_value_heads * config.head_dim
        q_width, bias = config.num_attention_heads * config.head_dim, config.family == "qwen2"
        self.q_proj = nn.Linear(width, q_width, bias=bias)
        self.k_proj = nn.Linear(width, kv_width, bias=bias)
        self.v_proj = nn.Linear(width, kv_width, bias=bias)
        self.o_proj = nn.Linear(q_width, width, bias=False)
        if config.family == "qwen3":
            self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
            self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(self, x_BSD: Tensor, context: Context, layer: int) -> Tensor:
        """Returns (B, S, D)."""
        B, S, _ = x_BSD.shape
        H, G, K = (
            self.config.num_attention_heads,
            self.config.num_key_value_heads,
            self.config.head_dim,
        )
        q_BHSK = self.q_proj(x_BSD).view(B, S, H, K).transpose(1, 2)
        k_BGSK = self.k_proj(x_BSD).view(B, S, G, K).transpose(1, 2)
        v_BGSK = self.v_proj(x_BSD).view(B, S, G, K).transpose(1, 2)
        if self.config.family == "qwen3":
            q_BHSK, k_BGSK = self.q_norm(q_BHSK), self.k_norm(k_BGSK)
        q_BHSK = rotate(q_BHSK, context.cos_BSK, context.sin_BSK)
        k_BGSK = rotate(k_BGSK, context.cos_BSK, context.sin_BSK)
        if context.cache is not None:
            context.cache.write(layer, context.rows_B, context.position_ids_BS, k_BGSK, v_BGSK)
            k_BGSK, v_BGSK = context.read(layer)
        mixed_BHSK = attend(
            q_BHSK,
            k_BGSK.repeat_interleave(H // G, dim=1),
            v_BGSK.repeat_interleave(H // G, dim=1),
            context.mask_B1SS,
            causal=context.mask_B1SS is None and S > 1,
        )
        return self.o_proj(mixed_BHSK.transpose(1, 2).reshape(B, S, H * K))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """SwiGLU: a gate decides what of the widened vector passes."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x_BSD: Tensor) -> Tensor:
        """Returns (B, S, D)."""
        return self.down_proj(F.silu(self.gate_proj(x_BSD)) * self.up_proj(x_BSD))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Attention, then feed-forward, each on a normalised copy and added back."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x_BSD: Tensor, context: Context, layer: int) -> Tensor:
        """Returns (B, S, D)."""
        x_BSD = x_BSD + self.self_attn(self.input_layernorm(x_BSD), context, layer)
        return x_BSD + self.mlp(self.post_attention_layernorm(x_BSD))  # type: ignore[no-any-return]


class Context:
    """What all layers of one pass share: rotary angles, the mask, and the cache if there is one.

    Without a cache the pass is over whole sequences, padded on the right; with ``documents_BS``
    several lie in a row, and none sees another. With a cache, row b of the batch is row ``rows[b]``
    of the cache and may be at any position.
    """

    def __init__(
        self,
        tables: tuple[Tensor, Tensor],
        position_ids_BS: Tensor,
        cache: KVCache | None = None,
        rows: Sequence[int] = (),
        documents_BS: Tensor | None = None,
    ) -> None:
        self.position_ids_BS = position_ids_BS
        self.cos_BSK, self.sin_BSK = tables[0][position_ids_BS], tables[1][position_ids_BS]
        self.cache = cache
        self.mask_B1SS = None if documents_BS is None else document_mask(documents_BS)
        if cache is not None:
            self.rows_B = torch.tensor(list(rows), device=position_ids_BS.device)
            self._together = list(rows) == list(range(len(rows)))
            self._length = int(position_ids_BS.max()) + 1
            slots = torch.arange(self._length, device=position_ids_BS.device)
            self.mask_B1SS = (slots <= position_ids_BS[..., None]).unsqueeze(1)

    def read(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of this pass's rows up to its last position."""
        assert self.cache is not None
        if self._together:
            return self.cache.read(layer, len(self.rows_B), self._length)
        keys = self.cache.keys[layer, self.rows_B, :, : self._length]
        values = self.cache.values[layer, self.rows_B, :, : self._length]
        return keys, values


def document_mask(documents_BS: Tensor) -> Tensor:
    """Who may see whom: earlier tokens of the same document. Returns (B, 1, S, S), bool."""
    S = documents_BS.shape[1]
    earlier_SS = torch.ones(S, S, dtype=torch.bool, device=documents_BS.device).tril()
    same_BSS = documents_BS[:, :, None] == documents_BS[:, None, :]
    return (same_BSS & earlier_SS).unsqueeze(1)


def document_positions(documents_BS: Tensor) -> Tensor:
    """Each token's place in its own document, from 0. Returns (B, S)."""
    places_BS = torch.arange(documents_BS.shape[1], device=documents_BS.device)
    places_BS = places_BS.expand_as(documents_BS)
    first_BS = torch.ones_like(documents_BS, dtype=torch.bool)
    first_BS[:, 1:] = documents_BS[:, 1:] != documents_BS[:, :-1]
    return places_BS - torch.where(first_BS, places_BS, 0).cummax(dim=1).values


class Decoder(nn.Module):
    """Embedded tokens to hidden states; the ``model`` of a ``LlamaForCausalLM``."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.save_memory = False
        """Whether a training step computes every layer twice instead of keeping what is inside."""
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = (
            None
            if config.tie_word_embeddings
            else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        )
        cos, sin = rotary_table(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(
        self,
        embedded_BSD: Tensor,
        position_ids_BS: Tensor | None = None,
        cache: KVCache | None = None,
        rows: Sequence[int] = (),
        documents_BS: Tensor | None = None,
    ) -> Tensor:
        """Run all layers. Returns normalised hidden states (B, S, D).

        ``documents_BS`` numbers the document that each token belongs to, where rows hold several.
        """
        return self.states(embedded_BSD, position_ids_BS, cache, rows, documents_BS)[0]

    def states(
        self,
        embedded_BSD: Tensor,
        position_ids_BS: Tensor | None = None,
        cache: KVCache | None = None,
        rows: Sequence[int] = (),
        documents_BS: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run all layers. Returns normalised hidden states and those halfway up, each (B, S, D)."""
        B, S, _ = embedded_BSD.shape
        if documents_BS is not None:
            position_ids_BS = document_positions(documents_BS)
        if position_ids_BS is None:
            position_ids_BS = torch.arange(S, device=embedded_BSD.device).expand(B, S)
        tables = (self.get_buffer("cos"), self.get_buffer("sin"))
        context = Context(tables, position_ids_BS, cache, rows, documents_BS)
        x_BSD = halfway_BSD = embedded_BSD
        twice = self.save_memory and torch.is_grad_enabled()
        for index, layer in enumerate(self.layers):
            x_BSD = (
                checkpoint(layer, x_BSD, context, index, use_reentrant=False)
                if twice
                else layer(x_BSD, context, index)
            )
            if index + 1 == (len(self.layers) + 1) // 2:
                halfway_BSD = x_BSD
        return self.norm(x_BSD), halfway_BSD

    def logits(self, hidden_BSD: Tensor) -> Tensor:
        """Score every token of the vocabulary, by the embeddings if tied. Returns (B, S, V)."""
        head = self.embed_tokens if self.lm_head is None else self.lm_head
        return F.linear(hidden_BSD, head.weight)


COLDEST = 1e-4
"""Below this temperature the likeliest token is taken; near 0 scores would grow to infinity."""


class Sampler:
    """Draws the tokens of one answer; the same seed and logits give the same tokens."""

    def __init__(self, config: SampleConfig, banned: Sequence[int] = ()) -> None:
        self.config = config
        self._generator = torch.Generator().manual_seed(config.seed)
        self._seen: set[int] = set()
        self._banned = list(banned)

    def ban(self, banned: Sequence[int]) -> None:
        """Never draw these tokens from now on; those banned before may be drawn again."""
        self._banned = list(banned)

    def next(self, logits_V: Tensor, allowed_V: Tensor | None = None) -> int:
        """Choose the next token from the scores of one position, among those allowed if given."""
        logits_V = logits_V.float().cpu().clone()  # where the generator is
        logits_V[self._banned] = -torch.inf
        if allowed_V is not None:
            logits_V[~allowed_V] = -torch.inf
        if self.config.repetition_penalty != 1.0 and self._seen:
            seen = torch.tensor(sorted(self._seen))
            scores, penalty = logits_V[seen], self.config.repetition_penalty
            logits_V[seen] = torch.where(scores > 0, scores / penalty, scores * penalty)
        cold = self.config.temperature < COLDEST
        index = self._greedy(logits_V) if cold else self._draw(logits_V)
        self._seen.add(index)
        return index

    def _greedy(self, logits_V: Tensor) -> int:
        return int(logits_V.argmax())

    def _draw(self, logits_V: Tensor) -> int:
        config = self.config
        scores_V, order_V = (logits_V / config.temperature).sort(descending=True, stable=True)
        chances_V = scores_V.softmax(-1)
        keep_V = torch.ones_like(chances_V, dtype=torch.bool)
        if config.top_k:
            keep_V[config.top_k :] = False
        if config.top_p < 1:
            keep_V &= chances_V.cumsum(-1) - chances_V < config.top_p
        if config.min_p > 0:
            keep_V &= chances_V >= config.min_p * chances_V[0]
        chances_V = chances_V * keep_V
        drawn = torch.multinomial(chances_V, 1, generator=self._generator)
        return int(order_V[drawn])
