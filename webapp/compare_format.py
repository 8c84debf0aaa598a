"""A comparison as what the Compare tab shows; no Gradio. Words of others are escaped here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from html import escape

from model.compare_records import (
    LETTERS,
    CompareRow,
    Comparison,
    Rating,
    SideAnswer,
)
from model.records import PictureId
from webapp.chat_format import milliseconds
from webapp.run_format import duration

CARDS = 40
"""Most answers that a pane shows; the rest are in the table and the exports."""
PICTURE_PX = 64
Thumbnail = Callable[[PictureId, int], str]
STATE_WORDS = {
    "running": "",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted: the app was closed meanwhile",
}


# ── panes ───────────────────────────────────────────────────────────────────────────────────────


def idle_pane_html(letter: str) -> str:
    """A pane before the first comparison."""
    return (
        f'<div class="itr-pane-head"><span class="itr-letter">{letter}</span></div>'
        '<p class="itr-muted">Its answers appear here, with their speed and weights hash.</p>'
    )


def pane_html(comparison: Comparison, side: int, thumbnail: Thumbnail) -> str:
    """One side's answers, with the weights that gave them: from the answers' own figures."""
    begun = [
        (row, answer)
        for row, answer in zip(comparison.rows, comparison.answers(side), strict=True)
        if answer is not None
    ]
    # the newest are looked at while they come; from the first on once all are there
    shown = begun[-CARDS:] if comparison.state == "running" else begun[:CARDS]
    cards = "".join(_card(row, answer, thumbnail) for row, answer in shown)
    waiting = "" if begun else '<p class="itr-muted">waiting for the first word…</p>'
    left = len(begun) - len(shown)
    more = f'<p class="itr-muted">{left} more in the exports</p>' if left else ""
    hashes = dict.fromkeys(answer.weights_hash[:6] for _, answer in begun if answer.weights_hash)
    chips = "".join(f'<span class="itr-chip itr-num">{escape(text)}</span>' for text in hashes)
    return (
        f'<div class="itr-pane-head"><span class="itr-letter">{LETTERS[side]}</span>'
        f"<b>{escape(comparison.sides[side].name)}</b>{chips}</div>"
        f'<p class="itr-muted itr-num">{_speed(comparison, side)}</p>'
        f'<div class="itr-pane-cards" tabindex="0" role="region" '
        f'aria-label="answers of {LETTERS[side]}">{cards}{waiting}{more}</div>'
    )


def hidden_pane_html(comparison: Comparison, side: int, row: int, thumbnail: Thumbnail) -> str:
    """One side's answer to one prompt, with nothing that tells who it is."""
    asked, answer = comparison.rows[row], comparison.rows[row].answers[side]
    said = '<p class="itr-muted">waiting for the first word…</p>'
    if answer is not None:
        said = f"<p>{escape(answer.error or answer.text) or '…'}</p>"
    return (
        f'<div class="itr-pane-head"><span class="itr-letter">{LETTERS[side]}</span></div>'
        f'<article class="itr-answer-card">{_asked(asked, thumbnail)}{said}</article>'
    )


def _speed(comparison: Comparison, side: int) -> str:
    whole = [a for a in comparison.answers(side) if a is not None and a.finished]
    answered = f"{len(whole)} of {len(comparison.rows)} answered"
    measured = [answer for answer in whole if answer.tokens_per_s]
    if not measured:
        return answered
    speed = sum(answer.tokens_per_s for answer in measured) / len(measured)
    first = sorted(answer.first_token_s for answer in measured)[len(measured) // 2]
    return f"{answered} · {speed:,.0f} tok/s · first word {milliseconds(first)}"


def _asked(row: CompareRow, thumbnail: Thumbnail) -> str:
    pictures = "".join(
        f'<img src="{escape(thumbnail(picture, PICTURE_PX * 2))}" alt="picture of the prompt" '
        f'width="{PICTURE_PX}" height="{PICTURE_PX}">'
        for picture in row.task.pictures
    )
    shown = f'<div class="itr-card-pictures">{pictures}</div>' if pictures else ""
    return f'{shown}<p class="itr-muted">{escape(row.task.prompt)}</p>'


def _card(row: CompareRow, answer: SideAnswer, thumbnail: Thumbnail) -> str:
    said = escape(answer.text) or ("" if answer.error else '<span class="itr-muted">…</span>')
    error = f'<p class="itr-error">{escape(answer.error)}</p>' if answer.error else ""
    facts = ""
    if answer.facts:
        many = "1 fact" if len(answer.facts) == 1 else f"{len(answer.facts)} facts"
        lines = "".join(f"<li>{escape(line)}</li>" for line in answer.facts)
        summary = f"<summary>Used {many}</summary>"
        facts = f'<details class="itr-used">{summary}<ul>{lines}</ul></details>'
    right = {True: " · ✓ right", False: " · ✗ not right", None: ""}[answer.scores.exact]
    speed = ""
    if answer.tokens_per_s:
        first = milliseconds(answer.first_token_s)
        speed = f"{answer.tokens_per_s:,.0f} tok/s · first word {first} · "
    figures = (
        f'<p class="itr-stats">{speed}{escape(answer.weights_hash[:6])}{right}</p>'
        if answer.weights_hash
        else ""
    )
    return (
        f'<article class="itr-answer-card">{_asked(row, thumbnail)}'
        f"<p>{said}</p>{error}{facts}{figures}</article>"
    )


# ── progress, table, link, board ────────────────────────────────────────────────────────────────


def progress_html(comparison: Comparison) -> str:
    """How far a comparison has come, or how it ended."""
    words = STATE_WORDS[comparison.state]
    if comparison.state == "running":
        words = f"{comparison.answered} of {comparison.asked} answers{_left(comparison)}"
        words += f" · {escape(comparison.stage)}" if comparison.stage else ""
    else:
        words = f"{comparison.answered} of {comparison.asked} answers · {words}"
        words += f" · {duration(comparison.seconds)}" if comparison.seconds else ""
    share = comparison.answered / max(1, comparison.asked)
    kind = "itr-error" if comparison.state == "failed" else "itr-warning"
    message = f'<p class="{kind}">{escape(comparison.message)}</p>' if comparison.message else ""
    return (
        f'<progress class="itr-progress" max="1" value="{share:.4f}" aria-label="answers done">'
        f'</progress><p class="itr-muted itr-num" role="status">{words}</p>{message}'
    )


def _left(comparison: Comparison) -> str:
    """Remaining time, by the slowest side; nothing before it can be told."""
    done = [
        sum(a is not None and a.finished for a in comparison.answers(side))
        for side in range(len(comparison.sides))
    ]
    slowest = min(done)
    if slowest < 2:
        return ""
    left = (len(comparison.rows) - slowest) * comparison.seconds / slowest
    return f" · {duration(left)} left"


def answers_table(comparison: Comparison) -> str:
    """Prompts as rows with all answers; words that the first side did not say are marked."""
    rows, different, compared = list[str](), 0, 0
    for row in comparison.rows:
        texts = [a.text for a in row.answers if a is not None and a.counts]
        if len(texts) < len(row.answers):
            continue
        compared += 1
        same = len(set(texts)) == 1
        different += not same
        cells = [escape(text) for text in texts] if same else _marked_cells(texts)
        said = "".join(
            f'<td data-label="{LETTERS[side]}">{cell}</td>' for side, cell in enumerate(cells)
        )
        sign = "=" if same else "≠"
        rows.append(
            f'<tr><th scope="row">{escape(row.task.prompt)}</th>{said}'
            f'<td class="itr-num">{sign}</td></tr>'
        )
    if not rows:
        return ""
    heads = "".join(f"<th>{LETTERS[side]}</th>" for side in range(len(comparison.sides)))
    return (
        f"<h3>Side by side</h3><p>{different} of {compared} answers differ.</p>"
        '<div class="itr-scroll"><table class="itr-table itr-read itr-compare-table"><thead><tr>'
        f'<th>prompt</th>{heads}<th><span aria-label="same or different">=</span></th>'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _marked_cells(texts: Sequence[str]) -> list[str]:
    first, second = marked(texts[0], texts[1])
    return [first, second, *(marked(texts[0], text)[1] for text in texts[2:])]


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


def link_html(comparison: Comparison) -> str:
    """The link that opens this comparison again."""
    address = f"?compare={escape(comparison.id)}"
    return f'<p><a href="{address}" target="_self">Link to this comparison</a></p>'


def set_html(prompt_set: str, ten: Sequence[str]) -> str:
    """What a ready-made set of prompts asks; nothing for typed ones."""
    if prompt_set == "ten":
        return f"<ol>{''.join(f'<li>{escape(prompt)}</li>' for prompt in ten)}</ol>"
    if prompt_set == "microworld":
        return (
            "<p>Drawn questions, with pictures, that no training saw. Each has one right answer. "
            "Students and teachers are given the same facts.</p>"
        )
    return ""


def board_html(ratings: Sequence[Rating]) -> str:
    """The Elo board, best first."""
    if not ratings:
        return (
            '<p class="itr-muted">Nobody has voted yet. Tick “Blind”, run a comparison, and say '
            "which answers are better.</p>"
        )
    rows = "".join(
        f'<tr><th scope="row">{escape(each.name)}</th>'
        f'<td class="itr-num" data-label="Elo"><b>{each.elo:.0f}</b></td>'
        f'<td class="itr-num" data-label="95 % interval">{each.low:.0f} … {each.high:.0f}</td>'
        f'<td class="itr-num" data-label="votes">{each.votes}</td></tr>'
        for each in ratings
    )
    return (
        '<div class="itr-scroll"><table class="itr-table itr-read"><thead><tr><th>who</th>'
        "<th>Elo</th><th>95 % interval</th><th>votes</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
