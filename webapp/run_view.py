"""What the live side of the Distill tab shows for a run, as values for its components.

``seen`` remembers what the page already shows: unchanged curves, buttons and lists are not sent.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gradio as gr
import pandas as pd

from model.records import OPEN_STATES, RunId, RunInfo
from webapp.backend import Backend
from webapp.formatting import muted_html
from webapp.run_curves import CurveChoice, chosen_points, plot_table
from webapp.run_format import gallery_html, history_html, no_run_html, run_html, sample_html
from webapp.widgets import say

RUNS_SHOWN = 8
SAMPLES_SHOWN = 60
BUTTONS = 11


def view(
    backend: Backend,
    selected: RunId | None,
    seen: tuple[Any, ...] | None,
    limit: int,
    smooth: bool,
    log: bool,
    chart: str = "loss",
    beside: str | None = None,
) -> tuple[Any, ...]:
    """All outputs of the panel; what ``seen`` says is on the page already is skipped."""
    runs = backend.runs()
    run = _find(runs, selected)
    choice = CurveChoice(smooth, log, chart, beside)
    mark = _mark(run, runs, choice)
    old = seen if seen and len(seen) == len(mark) else (None,) * len(mark)
    _announce(run, old[0], mark[0])
    fresh = [seen is None or new != before for new, before in zip(mark, old, strict=True)]
    head = run_html(run) if run else no_run_html()
    history = history_html(runs, run.id if run else None, limit, time.time())
    return (
        run.id if run else None,
        mark,
        _timer(runs) if fresh[2] else gr.skip(),
        head,
        *(_buttons(run) if fresh[0] else [gr.skip()] * BUTTONS),
        gr.update(visible=run is not None) if fresh[0] else gr.skip(),
        *(_curve(backend, run, runs, choice) if fresh[1] else (gr.skip(), gr.skip())),
        *_samples(backend, run),
        backend.run_log(run.id) if run else "",
        history if fresh[2] else gr.skip(),
        (run.note if run else "") if fresh[3] else gr.skip(),
        _others(runs, run) if fresh[4] else gr.skip(),
    )


def _samples(backend: Backend, run: RunInfo | None) -> tuple[str, str]:
    """The newest sample, and all that are kept, over time."""
    if run is None:
        return "", ""
    samples = backend.samples(run.id, SAMPLES_SHOWN)
    return sample_html(samples[:1], backend.thumbnail), gallery_html(samples)


def _others(runs: Sequence[RunInfo], run: RunInfo | None) -> Any:
    """The runs that can be drawn beside this one; the choice stays as it is."""
    others = [(f"{each.name} · {each.step:,} steps", each.id) for each in runs
              if each.step and (run is None or each.id != run.id)]  # fmt: skip
    return gr.update(choices=[("no other run", ""), *others], visible=bool(others))


def _find(runs: Sequence[RunInfo], selected: RunId | None) -> RunInfo | None:
    """The selected run; else the newest open one; else the newest."""
    by_choice = [run for run in runs if run.id == selected]
    opened = [run for run in runs if run.state in OPEN_STATES]
    return next(iter([*by_choice, *opened, *runs]), None)


def _mark(run: RunInfo | None, runs: Sequence[RunInfo], choice: CurveChoice) -> tuple[Any, ...]:
    """What buttons, curve, lists and note depend on; equal marks look the same."""
    rows = tuple((row.id, row.state, row.step, row.note) for row in runs)
    others = tuple((row.id, row.name, row.state, bool(row.step)) for row in runs)
    if run is None:
        return (None, None, rows, None, others)
    beside = next((row.step for row in runs if row.id == choice.beside), None)
    curve = (run.id, run.step, choice.smooth, choice.log, choice.chart, choice.beside, beside)
    shown = (run.id, run.state, run.student, run.failed_answers)
    return (shown, curve, rows, (run.id, run.note), (*others, run.id))


def _announce(run: RunInfo | None, before: Any, now: Any) -> None:
    if run is None or not before or before[0] != now[0] or before[1] == now[1]:
        return
    if now[1] == "done":
        say(f"“{run.name}” is done. Chat with it, or compare it with the one before.")


def _timer(runs: Sequence[RunInfo]) -> Any:
    return gr.Timer(active=any(run.state in OPEN_STATES for run in runs))


def _buttons(run: RunInfo | None) -> list[Any]:
    """Pause, resume, keep, discard, retry, look, reopen, settings, delete, chat, compare."""
    state = run.state if run else ""
    made = run is not None and run.student is not None
    failed = run is not None and run.failed_answers > 0 and state not in ("running", "queued")
    collected = state == "collected"
    visible = (
        state == "running",
        state in ("paused", "interrupted", "collected"),
        state in ("running", "paused", "interrupted"),
        state in OPEN_STATES,
        failed,
        collected,
        state in ("done", "cancelled", "failed") and run is not None and run.answers > 0,
        run is not None,
        run is not None and state not in OPEN_STATES,
        made,
        made,
    )
    shown = [gr.update(visible=each) for each in visible]
    shown[1] = gr.update(visible=visible[1], value="Train now" if collected else "Resume")
    return shown


def _curve(
    backend: Backend, run: RunInfo | None, runs: Sequence[RunInfo], choice: CurveChoice
) -> tuple[Any, str]:
    if run is None:
        return gr.update(visible=False), ""
    other = next((each.id for each in runs if each.id == choice.beside), None)
    beside = backend.metrics(other) if other else ()
    points = chosen_points(backend.metrics(run.id), beside, choice)
    table, words = plot_table(points, smooth=choice.smooth, log=choice.log)
    if not table["step"]:
        waiting = "The curve begins with the first step."
        return gr.update(visible=False), muted_html(words or waiting)
    plot = gr.update(value=pd.DataFrame(table), y_title=choice.title, visible=True)
    return plot, muted_html(words)
