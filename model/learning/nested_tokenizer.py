"""A tokenizer that is the beginning of the teacher's: every token lies inside one of the teacher's.

BPE joins pairs in the order of their rank. One that knows only the first ranks stops early, at
pieces out of which the teacher goes on to make its tokens: no token of the student ever crosses a
border of the teacher's, and all that the teacher says about its own tokens can be learned.
"""

from __future__ import annotations

from tokenizers import pre_tokenizers

from model.bundles.gguf_vocabulary import CONTROL, NORMAL, SHOWN, USER_DEFINED, Vocabulary
from model.bundles.gguf_vocabulary import tokenizer_json as written
from model.errors import BundleIncompatible, ConfigError
from model.network.text_tokenizer import SPECIAL_TOKENS, TextTokenizer
from model.teachers.base import TeacherVocabulary


def nested_tokenizer(teacher: TeacherVocabulary, size: int) -> TextTokenizer:
    """A tokenizer of at most ``size`` tokens: ours, all bytes, and the teacher's first merges.

    Raises: ConfigError if the teacher does not tell its tokens, or splits texts in a way that is
        not known here.
    """
    if not teacher.tokens or not teacher.merges:
        raise ConfigError(
            f"The teacher tells {len(teacher.tokens)} tokens and {len(teacher.merges)} merges of a "
            "byte-level tokenizer, too few to take a part of. Choose the shipped tokenizer."
        )
    tokens = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    known, teachers = set(tokens), set(teacher.tokens)
    merges = []
    for merge in teacher.merges:
        left, _, right = merge.partition(" ")
        made = left + right
        if made not in teachers or left not in known or right not in known:
            continue
        if made not in known:
            if len(tokens) >= size:
                break
            tokens.append(made)
            known.add(made)
        merges.append(merge)
    kinds = [
        NORMAL if index >= len(SPECIAL_TOKENS) else USER_DEFINED if token in SHOWN else CONTROL
        for index, token in enumerate(tokens)
    ]
    try:
        text = written(Vocabulary(tuple(tokens), tuple(kinds), tuple(merges), teacher.pre))
    except BundleIncompatible as error:
        raise ConfigError(
            f"The teacher splits texts as “{teacher.pre}”, which is not one of the ways known "
            "here. Choose the shipped tokenizer."
        ) from error
    return TextTokenizer.from_json(text)
