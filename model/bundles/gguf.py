"""A student's decoder and tokenizer as one GGUF file that stock llama.cpp and Ollama run.

The network is Llama to the letter, so export is a renaming, but for one thing: llama.cpp turns
neighbouring pairs of a head where Hugging Face turns its halves, so the rows of q and k move; for
Qwen2 and Qwen3 it turns halves, too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.bundles.bundle import CONFIG, read_bundle
from model.bundles.gguf_numbers import FILE_TYPES, kind_of, pack
from model.bundles.gguf_vocabulary import read_vocabulary
from model.config import ChatFormat, DecoderConfig
from model.network.text_generation import rotary_stretch
from model.network.text_tokenizer import PAD

if TYPE_CHECKING:
    from torch import Tensor

    from model.model import ImageTokenReasoningLLM

OUR_PREFIX = "image_token_reasoning"
"""Keys of our own, which other programs pass over."""
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER_NAMES = {
    "embed_tokens.weight": "token_embd.weight",
    "norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
STRETCH = "rope_freqs.weight"
"""Where llama.cpp looks for the factors of Llama 3's slower positions."""


def jinja_template(chat: ChatFormat) -> str:
    """The conversation as the student learned it, for programs that read Jinja."""
    opening = " + message['role'] + ".join(map(json.dumps, chat.opening.split("{role}")))
    closing, answer = json.dumps(chat.closing), json.dumps(chat.open("assistant"))
    return (
        f"{{% for message in messages %}}{{{{ {opening} + message['content'] + {closing} }}}}"
        "{% endfor %}"
        f"{{% if add_generation_prompt %}}{{{{ {answer} }}}}{{% endif %}}"
    )


CHATML = jinja_template(ChatFormat())


@dataclass(frozen=True)
class Identity:
    """What an exported file says about itself."""

    name: str
    weights_hash: str
    licence: str = ""
    base: str = ""

    @classmethod
    def of_bundle(cls, path: Path, name: str = "", licence: str = "") -> Identity:
        """Who the student in a bundle is. Raises: BundleNotFound, BundleIncompatible."""
        bundle = read_bundle(path)
        return cls(name or bundle.card.name, bundle.weights_hash, licence, bundle.card.parent)


def quiet_writer(path: Path, architecture: str) -> Any:
    """A ``GGUFWriter`` that does not talk on the log about bytes and their order."""
    from gguf import GGUFWriter

    logging.getLogger("gguf.gguf_writer").setLevel(logging.WARNING)
    return GGUFWriter(path, architecture)


def finish(writer: Any) -> None:
    """Write everything that was added, and close the file."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_text_gguf(
    student: ImageTokenReasoningLLM, path: Path, precision: str, identity: Identity
) -> None:
    """Write decoder and tokenizer. ``precision`` is one of ``PRECISIONS``.

    Raises: BundleIncompatible if llama.cpp has no name for the way the tokenizer splits text.
    """
    config = student.config.decoder
    writer = quiet_writer(path, config.family)
    _add_identity(writer, student, precision, identity)
    _add_shape(writer, config)
    _add_tokenizer(writer, student)
    for name, weights in decoder_tensors(student.model.state_dict(), config):
        plain = weights.ndim == 1
        sensitive = name in (OUTER_NAMES["embed_tokens.weight"], OUTER_NAMES["lm_head.weight"])
        kind = kind_of(weights.shape[-1], "f32" if plain else precision, sensitive=sensitive)
        writer.add_tensor(name, pack(weights, kind), raw_dtype=kind)
    if config.rope_stretch:
        writer.add_tensor(STRETCH, rotary_stretch(config).numpy())
    finish(writer)


def _add_identity(
    writer: Any, student: ImageTokenReasoningLLM, precision: str, identity: Identity
) -> None:
    card = student.card
    writer.add_type("model")
    writer.add_name(identity.name)
    writer.add_size_label(f"{student.parameter_count / 1e6:.1f}M")
    writer.add_description(f"{card.origin}; weights {identity.weights_hash}".lstrip("; "))
    if identity.licence:
        writer.add_license(identity.licence)
    if identity.base:
        writer.add_base_model_count(1)
        writer.add_base_model_name(0, identity.base)
    writer.add_file_type(FILE_TYPES[precision])
    writer.add_quantization_version(2)
    writer.add_string(f"{OUR_PREFIX}.weights_sha256", identity.weights_hash)
    described = {"student": asdict(student.config), "card": asdict(card)}
    writer.add_string(f"{OUR_PREFIX}.{CONFIG}", json.dumps(described))


def _add_shape(writer: Any, config: DecoderConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    if config.head_width:
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _add_tokenizer(writer: Any, student: ImageTokenReasoningLLM) -> None:
    tokenizer, chat = student.tokenizer, student.config.chat
    vocabulary = read_vocabulary(tokenizer.to_json(), student.config.decoder.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(list(vocabulary.tokens))
    writer.add_token_types(list(vocabulary.kinds))
    writer.add_token_merges(list(vocabulary.merges))
    # left out, both would be token 11: the default of llama.cpp's gpt2 tokenizer
    writer.add_bos_token_id(tokenizer.id(chat.bos or chat.eos))
    writer.add_eos_token_id(tokenizer.id(chat.eos))
    writer.add_eot_token_id(tokenizer.id(chat.end))
    writer.add_pad_token_id(tokenizer.id(PAD))
    writer.add_add_bos_token(bool(chat.bos))
    writer.add_add_eos_token(False)
    writer.add_chat_template(jinja_template(chat))


def decoder_tensors(
    weights: Mapping[str, Tensor], config: DecoderConfig
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """The decoder's weights under llama.cpp's names, float32, q and k in its order of rows."""
    for name, tensor in weights.items():
        values = tensor.detach().float().numpy()
        if name in OUTER_NAMES:
            yield OUTER_NAMES[name], values
            continue
        _, number, inner = name.split(".", 2)
        part, _, kind = inner.rpartition(".")
        heads = heads_of(part, config)
        yield (
            f"blk.{number}.{LAYER_NAMES[part]}.{kind}",
            pairs_from_halves(values, heads) if heads else values,
        )


def heads_of(part: str, config: DecoderConfig) -> int:
    """How many heads' rows of a layer's part have to move; 0 for none."""
    if config.family != "llama":
        return 0
    heads = {
        "self_attn.q_proj": config.num_attention_heads,
        "self_attn.k_proj": config.num_key_value_heads,
    }
    return heads.get(part, 0)


def pairs_from_halves(rows: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Rows (heads · K, in) so that rows k and k + K/2 of a head become neighbours."""
    by_half = rows.reshape(heads, 2, -1, rows.shape[-1])
    return np.ascontiguousarray(by_half.swapaxes(1, 2).reshape(rows.shape))


def halves_from_pairs(rows: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """The inverse of ``pairs_from_halves``."""
    by_pair = rows.reshape(heads, -1, 2, rows.shape[-1])
    return np.ascontiguousarray(by_pair.swapaxes(1, 2).reshape(rows.shape))
