"""A thousand strings to break tokenizers with: every script, emoji, code, marks, broken markup."""

from __future__ import annotations

import random

from model.microworld.oracle import example
from model.network.text_tokenizer import SPECIAL_TOKENS

HAND_MADE = (
    "a",
    " ",
    "   ",
    "\n\n \n",
    "\t\t x",
    "\r\n\r\nend",
    "I'll we're they'VE 'tis don't O'Neill",
    "1 12 123 1234 3.14159 1e-9 0x1F 1,000,000",
    "naïve café — “quotes” … ½ ™",
    "日本語のテキスト、漢字とかな。",
    "中文没有空格但有标点。",
    "한국어 띄어쓰기 테스트",
    "مرحبا بالعالم ١٢٣",
    "שלום עולם",
    "नमस्ते दुनिया १२३",
    "สวัสดีชาวโลก",
    "Привет, мир! ЁЖ",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ❤️",
    "e\u0301 o\u0308 n\u0303 \u200d\u200b\ufeff",
    "def f(x):\n    return {'a': x[0] ** 2}\n",
    "#include <stdio.h>\nint main(){return 0;}",
    "SELECT * FROM t WHERE a='b' -- c",
    "https://example.org/a?b=c&d=%20#e",
    "$$\\int_0^1 x^2\\,dx$$",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "!!!???...,,,;;;:::---___***",
    "\u0001\u0007\u001b[0m",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒇𝒐𝒏𝒕𝒔 ⅷ ² ₃",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start> <im_end|> <|image |> < think></think ><think></think>",
    "<|what|><|action|><|result|>What happened?",
    "<s></s><pad><unk>",
    "egg | heat | fried egg\nsnow | melt | water",
)
BLOCKS = (
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x370, 0x52F),
    (0x590, 0x6FF),
    (0x900, 0xDFF),
    (0xE00, 0xEFF),
    (0x1100, 0x11FF),
    (0x1E00, 0x1FFF),
    (0x2000, 0x2BFF),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1FAFF),
    (0x10000, 0x100FF),
)


def odd_strings(count: int, seed: int = 0) -> list[str]:
    """``count`` different strings: hand-made, the micro-world's own, and drawn at random."""
    rng = random.Random(seed)
    found = dict.fromkeys(HAND_MADE)
    index = 0
    while len(found) < count:
        drawn = example("test", index)
        index += 1
        made = f"{drawn.question} {drawn.answer}" if index % 4 == 0 else _random_string(rng)
        found[made] = None
    return list(found)[:count]


def _random_string(rng: random.Random) -> str:
    pieces = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        if kind < 0.1:
            pieces.append(rng.choice(SPECIAL_TOKENS))
        elif kind < 0.2:
            pieces.append(rng.choice((" ", "  ", "\n", "\r\n", "\t", " \n ")))
        elif kind < 0.3:
            pieces.append(rng.choice(HAND_MADE)[: rng.randint(1, 12)])
        else:
            low, high = rng.choice(BLOCKS)
            pieces.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))))
    return "".join(pieces)
