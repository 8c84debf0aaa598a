"""Which language a short text is in, as far as its letters and commonest words tell."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

_WORDS = {
    "English": "the of and to is in what how that for with do does are it if this which why can a",
    "German": "der die das und ist ein eine wie was nicht mit für auf zu den dem ich warum wenn",
    "French": "le la les des et est un une que comment pour dans je pas qui avec du ce pourquoi il",
    "Spanish": "el la los las y es un una que cómo para en no con por qué del se cuando mi lo al",
    "Italian": "il lo gli e è un una che come per in non con perché di del della quando si cosa le",
    "Portuguese": "o os as e é um uma que como para em não com por do da quando se uma mais dos",
    "Dutch": "de het een en is van wat hoe niet met voor op te dat ik kan waarom als zijn er",
}
_SCRIPTS = {
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CJK": "Chinese",
    "CYRILLIC": "Russian or alike",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "Hindi or alike",
    "THAI": "Thai",
}
FEWEST_WORDS = 2
"""Common words of a language that a text must have to be told by them."""
LEAD = 1.5
"""How many times more of them than of the next language's."""


def language_of(text: str) -> str:
    """The language's name, or an empty text if it cannot be told: short texts, names, formulas.

    Other scripts than Latin are told by their letters; Japanese has kana among its characters.
    """
    scripts = Counter(_script(letter) for letter in text if letter.isalpha())
    if not scripts:
        return ""
    if scripts["Japanese"] and scripts["Japanese"] + scripts["Chinese"] > scripts["Latin"]:
        return "Japanese"
    script, _ = scripts.most_common(1)[0]
    return _by_words(text) if script == "Latin" else script


def _by_words(text: str) -> str:
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    found = Counter(
        {name: sum(words[word] for word in set(common.split())) for name, common in _WORDS.items()}
    )
    (first, most), (_, second) = found.most_common(2)
    return first if most >= FEWEST_WORDS and most >= LEAD * second else ""


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0]
    return _SCRIPTS.get(name, "Latin" if name in ("LATIN", "") else name.capitalize())
