"""Panes, answers and measures side by side, as what the Compare tab shows; no Gradio.

Words that a person or a student wrote are escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import SequenceMatcher
from html import escape

from model.records import Evaluation
from webapp.chat_format import Draft, milliseconds
from webapp.panes import Pane

LETTERS = ("A", "B")
_Z_95 = 1.959964


def pane_html(pane: Pane, letter: str, name: str, prompts: Sequence[str]) -> str:
    """One student's answers, with the weights that gave them: from the answers' own figures."""
    begun = [draft for draft in pane.drafts if draft is not None]
    cards = "".join(
        _card(prompts[number], draft)
        for number, draft in enumerate(pane.drafts)
        if draft is not None
    )
    waiting = "" if begun else '<p class="itr-muted">waiting for the first word…</p>'
    return (
        f'<div class="itr-pane-head"><span class="itr-letter">{letter}</span>'
        f"<b>{escape(_student(begun) or name)}</b>{_hash_chip(begun)}</div>"
        f'<p class="itr-muted itr-num">{_speed(pane, begun)}</p>{cards}{waiting}'
    )


def idle_pane_html(letter: str) -> str:
    """A pane before the first comparison."""
    return (
        f'<div class="itr-pane-head"><span class="itr-letter">{letter}</span></div>'
        '<p class="itr-muted">Its answers appear here, with their speed and weights hash.</p>'
    )


def _student(drafts: Sequence[Draft]) -> str:
    return next((draft.stats.student for draft in drafts if draft.stats), "")


def _hash_chip(drafts: Sequence[Draft]) -> str:
    """The hash of the answers' weights; more than one is said, never hidden."""
    hashes = list(dict.fromkeys(d.stats.weights_hash[:6] for d in drafts if d.stats))
    return "".join(f'<span class="itr-chip itr-num">{escape(text)}</span>' for text in hashes)


def _speed(pane: Pane, drafts: Sequence[Draft]) -> str:
    stats = [draft.stats for draft in drafts if draft.stats]
    answered = f"{len(stats)} of {len(pane.drafts)} answered"
    if not stats:
        return answered
    speed = sum(s.tokens_per_s for s in stats) / len(stats)
    first = sorted(s.first_token_s for s in stats)[len(stats) // 2]
    return f"{answered} · {speed:,.0f} tok/s · first word {milliseconds(first)}"


def _card(prompt: str, draft: Draft) -> str:
    said = escape(draft.text) or '<span class="itr-muted">…</span>'
    error = f'<p class="itr-error">{escape(draft.error)}</p>' if draft.error else ""
    figures = ""
    if draft.stats:
        figures = (
            f'<p class="itr-stats">{draft.stats.tokens_per_s:,.0f} tok/s · '
            f"first word {milliseconds(draft.stats.first_token_s)} · "
            f"{escape(draft.stats.weights_hash[:6])}</p>"
        )
    return (
        f'<article class="itr-answer-card"><p class="itr-muted">{escape(prompt)}</p>'
        f"<p>{said}</p>{error}{figures}</article>"
    )


def answers_table(panes: Sequence[Pane], prompts: Sequence[str]) -> str:
    """Prompts as rows with both answers; words that only one of them said are marked."""
    rows, different, compared = [], 0, 0
    for number, prompt in enumerate(prompts):
        texts = [_text(pane.drafts[number]) for pane in panes]
        if None in texts:
            continue
        left, right = texts[0] or "", texts[1] or ""
        compared += 1
        different += left != right
        cells = marked(left, right) if left != right else (escape(left), escape(right))
        sign = "≠" if left != right else "="
        rows.append(
            f'<tr><th scope="row">{escape(prompt)}</th><td data-label="A">{cells[0]}</td>'
            f'<td data-label="B">{cells[1]}</td>'
            f'<td class="itr-num">{sign}</td></tr>'
        )
    if not rows:
        return ""
    return (
        f"<h3>Side by side</h3><p>{different} of {compared} answers differ.</p>"
        '<div class="itr-scroll"><table class="itr-table itr-read itr-compare-table"><thead><tr>'
        '<th>prompt</th><th>A</th><th>B</th><th><span aria-label="same or different">=</span></th>'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _text(draft: Draft | None) -> str | None:
    return None if draft is None or draft.error else draft.text


def marked(left: str, right: str) -> tuple[str, str]:
    """Both texts as markup in which the words that the other does not have are marked."""
    words, others = left.split(), right.split()
    out: tuple[list[str], list[str]] = ([], [])
    matcher = SequenceMatcher(None, words, others, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        for side, piece in ((0, words[start:end]), (1, others[other_start:other_end])):
            if piece:
                text = escape(" ".join(piece))
                out[side].append(text if kind == "equal" else f"<mark>{text}</mark>")
    return " ".join(out[0]), " ".join(out[1])


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share measured on ``n`` questions."""
    if n <= 0:
        return 0.0, 1.0
    z2 = _Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    spread = _Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - spread), min(1.0, middle + spread)


def measures_html(results: Sequence[tuple[str, str, Evaluation]]) -> str:
    """Letter, name and evaluation per student as a table with intervals."""
    rows = "".join(_measure_row(*result) for result in results)
    return (
        "<h3>Measured on fresh micro-world questions</h3>"
        '<div class="itr-scroll"><table class="itr-table itr-read"><thead><tr><th>student</th>'
        "<th>exact</th><th>95 % interval</th><th>loss</th><th>speed</th><th>n</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{_verdict(results)}"
    )


def _measure_row(letter: str, name: str, result: Evaluation) -> str:
    low, high = wilson(result.exact, result.questions)
    return (
        f'<tr><th scope="row"><span class="itr-letter">{letter}</span> {escape(name)} '
        f'<span class="itr-chip itr-num">{escape(result.weights_hash[:6])}</span></th>'
        f'<td class="itr-num" data-label="exact">{result.exact:.0%}</td>'
        f'<td class="itr-num" data-label="95 % interval">{low:.0%} – {high:.0%}</td>'
        f'<td class="itr-num" data-label="loss">{result.loss:.3f}</td>'
        f'<td class="itr-num" data-label="speed">{result.tokens_per_s:,.0f} tok/s</td>'
        f'<td class="itr-num" data-label="n">{result.questions}</td></tr>'
    )


def _verdict(results: Sequence[tuple[str, str, Evaluation]]) -> str:
    if len(results) < 2:
        return ""
    (first, _, a), (second, _, b) = results[0], results[1]
    low_a, high_a = wilson(a.exact, a.questions)
    low_b, high_b = wilson(b.exact, b.questions)
    if low_a <= high_b and low_b <= high_a:
        words = "The intervals overlap: these questions do not tell the two apart."
    else:
        better = first if a.exact > b.exact else second
        words = f"{better} is better: the intervals do not overlap."
    return f'<p class="itr-muted">{words}</p>'
