"""Text to token ids and back, byte by byte, so that no character is ever unknown.

A byte-level BPE whose pre-tokenizer is the one that llama.cpp calls ``qwen2``: an exported
student splits every text into the same ids.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

BOS, EOS, PAD, UNK = "<s>", "</s>", "<pad>", "<unk>"
IM_START, IM_END = "<|im_start|>", "<|im_end|>"
IMAGE, WHAT, ACTION, RESULT, GRAPH = (
    "<|image|>",
    "<|what|>",
    "<|action|>",
    "<|result|>",
    "<|graph|>",
)
THINK, END_THINK = "<think>", "</think>"
SPECIAL_TOKENS = (
    *(BOS, EOS, PAD, UNK, IM_START, IM_END),
    *(IMAGE, WHAT, ACTION, RESULT, GRAPH, THINK, END_THINK),
)
"""In the order of their ids, from 0."""

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _empty() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _byte_of_letter() -> dict[str, int]:
    """The letter that byte-level BPE writes for each byte, turned round (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + n): byte for n, byte in enumerate(others)})
    return table


def _bytes_of_sentence_piece(piece: str) -> bytes:
    """What a token of a Llama 2 tokenizer stands for: ``<0x0A>`` is a byte, ``▁`` a space."""
    if len(piece) == 6 and piece.startswith("<0x"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("▁", " ").encode()


class TextTokenizer:
    """Encode with or without special tokens; decode to bytes, so that streams never break."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        letters = _byte_of_letter()
        sentence_pieces = bool(tokenizer.model.byte_fallback)
        added = tokenizer.get_added_tokens_decoder()
        self.special_tokens = tuple(each.content for each in added.values() if each.special)
        self._bytes: list[bytes] = []
        for index in range(tokenizer.get_vocab_size()):
            piece = str(tokenizer.id_to_token(index))
            if index in added:  # written as it is, not in letters that stand for bytes
                self._bytes.append(b"" if added[index].special else piece.encode())
            elif sentence_pieces:
                self._bytes.append(_bytes_of_sentence_piece(piece))
            else:
                self._bytes.append(bytes(letters[letter] for letter in piece))
        self.space_first = sentence_pieces and self._spell(self.encode("a")).startswith(b" ")
        """Whether every text is read as if a space stood before it, as Llama 2 does."""

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> TextTokenizer:
        """Learn merges from ``texts``; the same texts give the same tokenizer."""
        tokenizer = _empty()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def from_json(cls, text: str) -> TextTokenizer:
        """Read the contents of a ``tokenizer.json``."""
        return cls(Tokenizer.from_str(text))

    @classmethod
    def from_foreign_json(cls, text: str) -> TextTokenizer:
        """Read another model's ``tokenizer.json``; our special tokens are added to it.

        Raises: KeyError for tokens that are written neither in byte-level letters nor as Llama 2's,
            AttributeError if it is no BPE.
        """
        tokenizer = Tokenizer.from_str(text)
        tokenizer.no_padding()  # a fixed length that was saved along would cut what is read
        tokenizer.no_truncation()
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
        return cls(tokenizer)

    def to_json(self) -> str:
        """The contents of a ``tokenizer.json`` that ``transformers`` reads, too."""
        return str(self._tokenizer.to_str(pretty=False))

    def __len__(self) -> int:
        return len(self._bytes)

    def id(self, token: str) -> int:
        """The id of a special token."""
        index = self._tokenizer.token_to_id(token)
        if index is None:
            raise ValueError(f"{token!r} is not in the vocabulary")
        return int(index)

    def encode(self, text: str) -> list[int]:
        """Token ids of one segment; special tokens in it count as such. Adds no BOS."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, special tokens left out, broken characters replaced."""
        text = self._spell(ids).decode("utf-8", "replace")
        return text.removeprefix(" ") if self.space_first else text

    def _spell(self, ids: Sequence[int]) -> bytes:
        return b"".join(self._bytes[index] for index in ids)

    def token_bytes(self, index: int) -> bytes:
        """The bytes that one token stands for; empty for a special token."""
        return self._bytes[index]


def simple_tokenizer() -> TextTokenizer:
    """The smallest choice: one token per byte, no merges learned."""
    return TextTokenizer.train([], vocab_size=0)


def defuse(text: str, special_tokens: Sequence[str] = SPECIAL_TOKENS) -> str:
    """Take the power from special tokens that somebody typed: ``<|im_end|>`` → ``< |im_end|>``."""
    for token in special_tokens:
        text = text.replace(token, token[0] + " " + token[1:])
    return text


class TextStream:
    """Turns tokens into text as they come: whole characters only, and nothing past a stop string.

    ``push`` returns the text that is certain by now; ``finish`` what was held back. While
    ``thinking`` that text is a thought, to which stop strings do not apply; ``</think>`` ends it.
    """

    def __init__(
        self, tokenizer: TextTokenizer, stop: Sequence[str] = (), *, thinking: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._end_of_thought = tokenizer.id(END_THINK)
        self.thinking = thinking
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(word for word in stop if word)
        self._held = ""
        self._first = tokenizer.space_first
        self.stopped = False

    def push(self, index: int) -> str:
        """Add one token; returns the new text, possibly empty."""
        if self.stopped:
            return ""
        if index == self._end_of_thought:
            self.thinking, self._held = False, ""
            self._decoder.reset()
            return ""
        self._held += self._decoder.decode(self._tokenizer.token_bytes(index))
        if self._first and self._held:
            self._held, self._first = self._held.removeprefix(" "), False
        return self._release(final=False)

    def finish(self) -> str:
        """End of the answer: returns the rest; a broken character becomes U+FFFD."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(b"", final=True)
        return self._release(final=True)

    def _release(self, *, final: bool) -> str:
        if self.thinking:
            text, self._held = self._held, ""
            return text
        cuts = [at for word in self._stop if (at := self._held.find(word)) >= 0]
        if cuts:
            self.stopped = True
            text, self._held = self._held[: min(cuts)], ""
            return text
        keep = 0 if final else self._possible_stop()
        text = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return text

    def _possible_stop(self) -> int:
        """Length of the longest end of the held text that may become a stop string."""
        longest = max((len(word) - 1 for word in self._stop), default=0)
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(word.startswith(self._held[-length:]) for word in self._stop):
                return length
        return 0
