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
from webapp.run_format import history_html, no_run_html, plot_table, run_html, sample_html
from webapp.widgets import say

RUNS_SHOWN = 8


def view(
    backend: Backend,
    selected: RunId | None,
    seen: tuple[Any, ...] | None,
    limit: int,
    smooth: bool,
    log: bool,
) -> tuple[Any, ...]:
    """All outputs of the panel; what ``seen`` says is on the page already is skipped."""
    runs = backend.runs()
    run = _find(runs, selected)
    mark = _mark(run, runs, smooth, log)
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
        *(_buttons(run) if fresh[0] else [gr.skip()] * 7),
        gr.update(visible=run is not None) if fresh[0] else gr.skip(),
        *(_curve(backend, run, smooth, log) if fresh[1] else (gr.skip(), gr.skip())),
        sample_html(backend.samples(run.id, 1), backend.thumbnail) if run else "",
        backend.run_log(run.id) if run else "",
        history if fresh[2] else gr.skip(),
    )


def _find(runs: Sequence[RunInfo], selected: RunId | None) -> RunInfo | None:
    """The selected run; else the newest open one; else the newest."""
    by_choice = [run for run in runs if run.id == selected]
    opened = [run for run in runs if run.state in OPEN_STATES]
    return next(iter([*by_choice, *opened, *runs]), None)


def _mark(run: RunInfo | None, runs: Sequence[RunInfo], smooth: bool, log: bool) -> tuple[Any, ...]:
    """What buttons, curve and list depend on; equal marks look the same."""
    rows = tuple((row.id, row.state, row.step) for row in runs)
    if run is None:
        return (None, None, rows)
    return ((run.id, run.state, run.student), (run.id, run.step, smooth, log), rows)


def _announce(run: RunInfo | None, before: Any, now: Any) -> None:
    if run is None or not before or before[0] != now[0] or before[1] == now[1]:
        return
    if now[1] == "done":
        say(f"“{run.name}” is done. Chat with it, or compare it with the one before.")


def _timer(runs: Sequence[RunInfo]) -> Any:
    return gr.Timer(active=any(run.state in OPEN_STATES for run in runs))


def _buttons(run: RunInfo | None) -> list[Any]:
    """Visibility of pause, resume, keep, discard, delete, chat with, compare with."""
    state = run.state if run else ""
    made = run is not None and run.student is not None
    visible = (
        state == "running",
        state in ("paused", "interrupted"),
        state in ("running", "paused", "interrupted"),
        state in OPEN_STATES,
        run is not None and state not in OPEN_STATES,
        made,
        made,
    )
    return [gr.update(visible=shown) for shown in visible]


def _curve(backend: Backend, run: RunInfo | None, smooth: bool, log: bool) -> tuple[Any, str]:
    if run is None:
        return gr.update(visible=False), ""
    table, words = plot_table(backend.metrics(run.id), smooth=smooth, log=log)
    if not table["step"]:
        waiting = "The curve begins with the first step."
        return gr.update(visible=False), muted_html(words or waiting)
    title = "loss (log₁₀)" if log else "loss"
    plot = gr.update(value=pd.DataFrame(table), y_title=title, visible=True)
    return plot, muted_html(words)
