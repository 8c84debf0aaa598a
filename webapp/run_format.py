"""Runs, budgets, curves and teachers as what the Distill tab shows: plain values, no Gradio.

Words that a person, a teacher or a student wrote are escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from model.records import (
    OPEN_STATES,
    Budget,
    PictureId,
    RunId,
    RunInfo,
    RunSample,
    TeacherModel,
    TeacherStatus,
)
from webapp.formatting import file_size, short_number

STATE_WORDS = {
    "queued": "waiting for its turn",
    "running": "running",
    "collected": "waiting for your look",
    "paused": "paused",
    "interrupted": "interrupted",
    "done": "done",
    "failed": "failed",
    "cancelled": "discarded",
}


# ── figures ─────────────────────────────────────────────────────────────────────────────────────


def duration(seconds: float) -> str:
    """A stretch of time for people: ``45 s``, ``7 min``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def ago(then: float, now: float) -> str:
    """How long ago something was: ``just now``, ``7 min ago``, ``3 days ago``."""
    past = now - then
    if past < 60:
        return "just now"
    if past < 36 * 3600:
        return f"{duration(past)} ago"
    return f"{round(past / 86400)} days ago"


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


# ── the teacher and the budget ──────────────────────────────────────────────────────────────────


def teacher_html(status: TeacherStatus) -> str:
    """Whether the teacher can be reached, in words, and its models as a table."""
    kind = "ok" if status.reachable else "error"
    mark = "✓" if status.reachable else "!"
    version = f" · version {escape(status.version)}" if status.version else ""
    head = (
        f'<p class="itr-status itr-status-{kind}" role="status">'
        f'<span aria-hidden="true">{mark}</span> {escape(status.message)}{version}</p>'
    )
    if not status.models:
        return head
    rows = "".join(_model_row(model) for model in status.models)
    return (
        f'{head}<table class="itr-table itr-read"><thead><tr><th>model</th><th>size</th>'
        f"<th>sees pictures</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _model_row(model: TeacherModel) -> str:
    size = " · ".join(part for part in (model.parameter_size, _size(model)) if part)
    return (
        f"<tr><td>{escape(model.name)}</td>"
        f'<td class="itr-num" data-label="size">{escape(size) or "–"}</td>'
        f'<td data-label="sees pictures">{_yes_no(model.sees_pictures)}</td></tr>'
    )


def _size(model: TeacherModel) -> str:
    return file_size(model.size_bytes) if model.size_bytes > 0 else ""


def _yes_no(value: bool | None) -> str:
    if value is None:
        return '<span class="itr-muted">not said</span>'
    return "✓ yes" if value else "✗ no"


def model_label(model: TeacherModel) -> str:
    """A teacher's model in a list: name, size and what it sees."""
    parts = [model.name, model.parameter_size, _size(model)]
    if model.sees_pictures is not None:
        parts.append("sees pictures ✓" if model.sees_pictures else "sees pictures ✗")
    return " · ".join(part for part in parts if part)


def budget_html(budget: Budget) -> str:
    """Tokens, time and memory of a run before it starts, and what to expect of it."""
    share = min(1.0, budget.answer_tokens / max(1, budget.wanted_tokens))
    warnings = "".join(
        f'<li class="itr-warning"><span aria-hidden="true">!</span> {escape(text)}</li>'
        for text in budget.warnings
    )
    return (
        '<dl class="itr-figures">'
        f"<div><dt>answer tokens</dt><dd>{short_number(budget.answer_tokens)}"
        f" <small>of ~{short_number(budget.wanted_tokens)}</small></dd></div>"
        f"<div><dt>time</dt><dd>about {duration(budget.minutes * 60)}</dd></div>"
        f"<div><dt>memory</dt><dd>{budget.memory_mb:,.0f} MB</dd></div></dl>"
        f'<progress class="itr-meter" max="1" value="{share:.4f}" '
        'aria-label="answer tokens against what such a student wants"></progress>'
        f'<p class="itr-advice">{escape(budget.advice)}</p>'
        + (f'<ul class="itr-warnings">{warnings}</ul>' if warnings else "")
    )


# ── a run ───────────────────────────────────────────────────────────────────────────────────────


def run_html(run: RunInfo) -> str:
    """State, progress and figures of a run."""
    share = run.step / run.steps if run.steps else 0.0
    stage = f" · {escape(run.stage)}" if run.stage and run.state in OPEN_STATES else ""
    left = ""
    if run.state == "running" and run.remaining_s is not None:
        left = f" · {duration(run.remaining_s)} left"
    message = f'<p class="{_message_class(run)}">{escape(run.message)}</p>' if run.message else ""
    return (
        f'<div class="itr-run-head"><h3>{escape(run.name)}</h3>'
        f'<span class="itr-chip itr-state-{run.state}" role="status">'
        f"{STATE_WORDS[run.state]}</span></div>"
        f'<progress class="itr-progress" max="1" value="{share:.4f}" '
        f'aria-label="steps done"></progress>'
        f'<p class="itr-muted itr-num">step {run.step:,} of {run.steps:,}{stage}{left}</p>'
        f'<p class="itr-muted itr-num">{_answers_words(run)}</p>'
        f"{message}{_hint(run)}{_prompt_notes(run)}{_figures(run)}"
    )


def _message_class(run: RunInfo) -> str:
    return "itr-error" if run.state == "failed" else "itr-muted"


def _answers_words(run: RunInfo) -> str:
    words = f"{run.answers:,} of {run.prompts:,} answers collected"
    return f"{words} · {run.failed_answers:,} failed" if run.failed_answers else words


def _hint(run: RunInfo) -> str:
    hints = {
        "interrupted": "The worker stopped before the end. Resume goes on where it was.",
        "paused": "Resume goes on where it was.",
        "collected": "Prompts and answers can be edited and dropped below.",
        "cancelled": "Nothing was kept of this run.",
    }
    text = hints.get(run.state, "")
    return f"<p>{text}</p>" if text else ""


def _prompt_notes(run: RunInfo) -> str:
    """How the prompts came about, folded away."""
    if not run.prompt_notes:
        return ""
    lines = "".join(f"<li>{escape(note)}</li>" for note in run.prompt_notes)
    return (
        f"<details class='itr-notes'><summary>About the prompts</summary><ul>{lines}</ul></details>"
    )


def _figures(run: RunInfo) -> str:
    speed = f"{short_number(run.tokens_per_s)} tok/s" if run.tokens_per_s else "–"
    return (
        '<dl class="itr-figures">'
        f"<div><dt>train loss</dt><dd>{_loss(run.train_loss)}</dd></div>"
        f"<div><dt>validation loss</dt><dd>{_loss(run.validation_loss)}</dd></div>"
        f"<div><dt>speed</dt><dd>{speed}</dd></div></dl>"
    )


def no_run_html() -> str:
    """The live panel before the first run."""
    return (
        '<div class="itr-empty"><h3>No run yet</h3><p>The loss curve, the newest answers and the '
        "log of a run appear here. The built-in teacher needs nothing installed: press "
        "<b>Start</b> to try it.</p></div>"
    )


def sample_html(samples: Sequence[RunSample], thumbnail: Callable[[PictureId, int], str]) -> str:
    """The newest prompt with the teacher's and the student's answer."""
    if not samples:
        return '<p class="itr-muted">The first sample comes with the first validation.</p>'
    newest = samples[0]
    pictures = "".join(
        f'<img src="{escape(thumbnail(picture, 192))}" alt="picture of the prompt" '
        'width="96" height="96">'
        for picture in newest.pictures
    )
    return (
        f'<div class="itr-sample"><p class="itr-muted itr-num">at step {newest.step:,}</p>'
        f'<div class="itr-sample-pictures">{pictures}</div>'
        f"<dl><dt>prompt</dt><dd>{escape(newest.prompt)}</dd>"
        f"<dt>teacher</dt><dd>{escape(newest.teacher_answer)}</dd>"
        f"<dt>student</dt><dd>{escape(newest.student_answer) or '–'}</dd></dl></div>"
    )


def gallery_html(samples: Sequence[RunSample]) -> str:
    """What the student said over time: the newest prompt first, its oldest answer first."""
    if not samples:
        return "<p class='itr-muted'>Samples are kept here as the student learns.</p>"
    prompts = dict.fromkeys(each.prompt for each in samples)
    return "".join(
        _told([each for each in reversed(samples) if each.prompt == prompt]) for prompt in prompts
    )


def _told(samples: Sequence[RunSample]) -> str:
    """The answers to one prompt in the order of their steps, under the teacher's."""
    rows = "".join(
        f"<li><span class='itr-muted itr-num'>{each.step:,}</span> "
        f"<span>{escape(each.student_answer) or '–'}</span></li>"
        for each in samples
    )
    return (
        f"<div class='itr-told'><p><b>{escape(samples[-1].prompt)}</b></p>"
        f"<p class='itr-muted'>teacher: {escape(samples[-1].teacher_answer)}</p>"
        f"<ol>{rows}</ol></div>"
    )


def history_html(runs: Sequence[RunInfo], selected: RunId | None, limit: int, now: float) -> str:
    """The runs, newest first, as buttons that select one; older ones behind a last button."""
    if not runs:
        return (
            '<p class="itr-muted">Runs are listed here, with their loss and what came of them.</p>'
        )
    rows = "".join(_history_row(run, run.id == selected, now) for run in runs[:limit])
    older = len(runs) - limit
    more = (
        f'<button type="button" class="itr-more" data-more="1">Show older runs ({older})</button>'
        if older > 0
        else ""
    )
    return f'<div class="itr-history">{rows}{more}</div>'


def _history_row(run: RunInfo, selected: bool, now: float) -> str:
    loss = run.validation_loss if run.validation_loss is not None else run.train_loss
    return (
        f'<button type="button" class="itr-history-row" data-run="{escape(run.id)}" '
        f'aria-pressed="{str(selected).lower()}">'
        f'<span class="itr-history-name">{escape(run.name)}</span>'
        f'<span class="itr-chip itr-state-{run.state}">{STATE_WORDS[run.state]}</span>'
        f'<span class="itr-num">loss {_loss(loss)}</span>'
        f'<span class="itr-num">{run.step:,} of {run.steps:,} steps</span>'
        f'<span class="itr-muted">{ago(run.created_at, now)}</span>'
        + (f'<span class="itr-run-note">{escape(run.note[:200])}</span>' if run.note else "")
        + "</button>"
    )
