"""Learning from votes as what the page shows: plain values, no Gradio.

Words that a person or a student wrote are escaped here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from model.feedback_records import (
    BeforeAfter,
    FeedbackStatus,
    RewardPoint,
    Update,
    UpdateFigures,
)
from webapp.chat_format import Thumbnail
from webapp.run_format import ago

STATE_WORDS = {
    "queued": "waiting",
    "running": "learning…",
    "kept": "learned",
    "refused": "not kept",
    "failed": "failed",
    "undone": "undone",
}
EXPLAINED = (
    (
        "liked",
        "thumbs up among the newest votes. So few votes say little: the true share lies between "
        "the two small numbers 95 times in 100.",
    ),
    (
        "known questions",
        "asked before and after. An update that makes more than one in a hundred wrong is "
        "weakened, and not kept if that does not help. Those like the questions that you want "
        "answered otherwise do not count.",
    ),
    ("forgotten", "what all kept updates lost of the known questions."),
    (
        "moved",
        "how far the words that are likely drifted in the newest update (KL divergence for a "
        "token). 0 is nothing, 0.1 a little, 0.5 a lot.",
    ),
)
"""What the figures mean, for whoever unfolds it."""
SHOWN = 12
WIDTH, HEIGHT, PAD = 260, 96, 22
FACE_PX = 48


# ── the line under the chat ─────────────────────────────────────────────────────────────────────


def news_html(status: FeedbackStatus) -> str:
    """Where learning stands in one line; nothing before the first vote."""
    words, undo = _news(status)
    if not words:
        return ""
    busy = ' data-busy="true"' if status.learning else ""
    return f'<p class="itr-learning" role="status"{busy}>{escape(words)}{undo}</p>'


def _news(status: FeedbackStatus) -> tuple[str, str]:
    newest = status.updates[0] if status.updates else None
    if newest is not None and newest.state in ("queued", "running"):
        return f"learning from {_votes(newest.votes)}…", ""
    if status.new_votes:
        return f"{status.new_votes} of {_votes(status.needed)} until the student learns", ""
    if newest is None:
        return "", ""
    if newest.state == "kept":
        return f"learned from {_votes(newest.votes)}", _undo_button(newest)
    if newest.state in ("refused", "failed"):
        return f"did not learn from {_votes(newest.votes)}: {newest.reason}", ""
    return "", ""


def _votes(count: int) -> str:
    return f"{count} vote{'' if count == 1 else 's'}"


def _undo_button(update: Update) -> str:
    return (
        f' <button type="button" class="itr-link" data-undo="{int(update.id)}" '
        f'aria-label="Undo what was learned from {_votes(update.votes)}">Undo</button>'
    )


# ── the panel ───────────────────────────────────────────────────────────────────────────────────


def panel_html(status: FeedbackStatus, thumbnail: Thumbnail) -> str:
    """Rates, what was forgotten, and the updates with what changed in each."""
    if not status.votes:
        return (
            '<p class="itr-muted">Vote on answers with the thumbs, or write a better one. After '
            f"{status.needed} votes the student learns from them, on a copy: known questions "
            "must not get worse, and one click undoes it.</p>"
        )
    rows = "".join(_update(update, thumbnail) for update in status.updates[:SHOWN])
    listed = f'<ol class="itr-updates">{rows}</ol>' if rows else ""
    return f"{_figures(status)}{rate_chart(status.rates)}{listed}{_explained()}"


def _explained() -> str:
    rows = "".join(f"<dt>{name}</dt><dd>{words}</dd>" for name, words in EXPLAINED)
    return (
        '<details class="itr-explained"><summary>What the numbers mean</summary>'
        f"<dl>{rows}</dl></details>"
    )


def _figures(status: FeedbackStatus) -> str:
    measured = [update for update in status.updates if update.state in ("kept", "undone")]
    rate = status.rates[-1]
    cells = [
        ("liked", f"{rate.rate:.0%} <small>{rate.low:.0%}–{rate.high:.0%}</small>"),
        ("new votes", f"{status.new_votes} <small>of {status.needed}</small>"),
    ]
    if measured:
        last = measured[0].figures
        kept = [update.figures.forgotten for update in measured if update.state == "kept"]
        known = last.canary_after if measured[0].state == "kept" else last.canary_before
        cells += [
            ("known questions", f"{known:.1%} <small>of {last.canary_questions}</small>"),
            ("forgotten", f"{max(0.0, sum(kept)):.1%}"),
            ("moved", f"{last.kl:.3f} <small>nats</small>"),
        ]
    drawn = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)
    return f'<dl class="itr-figures">{drawn}</dl>'


def rate_chart(points: Sequence[RewardPoint]) -> str:
    """Share of liked answers from update to update with 95 % intervals; nothing for one point."""
    if len(points) < 2:
        return ""
    last = points[-1].votes

    def x(point: RewardPoint) -> float:
        return PAD + (WIDTH - 2 * PAD) * point.votes / last

    def y(share: float) -> float:
        return PAD / 2 + (HEIGHT - 1.5 * PAD) * (1 - share)

    bars = "".join(
        f'<line x1="{x(p):.1f}" x2="{x(p):.1f}" y1="{y(p.low):.1f}" y2="{y(p.high):.1f}" '
        f'class="itr-bar"/><circle cx="{x(p):.1f}" cy="{y(p.rate):.1f}" r="3.5"/>'
        for p in points
    )
    way = " ".join(f"{x(p):.1f},{y(p.rate):.1f}" for p in points)
    told = ", ".join(f"{p.rate:.0%} after {p.votes} votes" for p in points)
    axis = "".join(
        f'<text x="0" y="{y(share) + 4:.1f}">{share:.0%}</text>'
        f'<line x1="{PAD + 8}" x2="{WIDTH}" y1="{y(share):.1f}" y2="{y(share):.1f}" '
        'class="itr-grid"/>'
        for share in (0.0, 0.5, 1.0)
    )
    return (
        f'<figure class="itr-rates"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Share of liked answers: {told}">{axis}<polyline points="{way}"/>{bars}'
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" text-anchor="end">{_votes(last)}</text></svg>'
        "<figcaption>liked answers, from update to update</figcaption></figure>"
    )


def _update(update: Update, thumbnail: Thumbnail) -> str:
    figures = update.figures
    undo = _undo_button(update) if update.state == "kept" else ""
    when = ago(update.finished_at or update.created_at, time.time())
    measured = ""
    if figures.canary_questions:
        measured = (
            f'<p class="itr-muted itr-num">known questions {figures.canary_before:.1%} → '
            f"{figures.canary_after:.1%}{_compared(figures)} · moved {figures.kl:.3f} · "
            f"{figures.seconds:.0f} s</p>"
        )
    reason = ""
    if update.state in ("refused", "failed"):
        reason = f'<p class="itr-muted">{escape(update.reason)}</p>'
    return (
        f'<li data-update="{int(update.id)}"><p><b>{STATE_WORDS[update.state]}</b> · '
        f"{_votes(update.votes)} · {when}{undo}</p>{measured}{reason}"
        f"{_samples(update.samples, thumbnail)}</li>"
    )


def _compared(figures: UpdateFigures) -> str:
    if not figures.canary_left_out:
        return f" of {figures.canary_questions}"
    return f" of {figures.canary_questions}, without {figures.canary_left_out} like those voted on"


def _samples(samples: Sequence[BeforeAfter], thumbnail: Thumbnail) -> str:
    if not samples:
        return ""
    rows = "".join(_sample(sample, thumbnail) for sample in samples)
    return f"<details><summary>before and after</summary><dl>{rows}</dl></details>"


def _sample(sample: BeforeAfter, thumbnail: Thumbnail) -> str:
    asked = sample.question
    faces = "".join(
        f'<img src="{escape(thumbnail(picture, FACE_PX))}" alt="" width="24" height="24">'
        for picture in asked.pictures
    )
    same = " (the same)" if sample.before == sample.after else ""
    return (
        f"<dt>{faces}{escape(asked.text)}</dt><dd>before: {escape(sample.before)}</dd>"
        f"<dd>after: {escape(sample.after)}{same}</dd>"
    )
