"""Compare: students and teachers answer the same prompts side by side, and are measured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from model.compare_records import Best, ComparisonId
from model.errors import InputError
from webapp.backend import Backend, Door
from webapp.compare_form import (
    CompareForm,
    compare_config,
    draw_form,
    lines_of,
    side_choices,
)
from webapp.compare_format import board_html, set_html
from webapp.compare_shelf import CompareShelf, draw_shelf, wire_shelf
from webapp.compare_view import CompareView, draw_panes, followed, show, skipped, voted_row
from webapp.run_format import teacher_html
from webapp.widgets import CALM, QUIET, Wire, bind

_KEEP_LINK = """id => {
    if (!id) return;
    const here = new URL(window.location.href);
    here.searchParams.set('compare', id);
    window.history.replaceState(window.history.state, '', here);
}"""
LINKED = "() => new URLSearchParams(window.location.search).get('compare') || ''"
"""What the page's address names, for the listener that reopens it."""


@dataclass(frozen=True)
class CompareTab:
    """What other tabs may reach: the first two sides, and the way to a student of one's own."""

    left: gr.Dropdown
    right: gr.Dropdown
    distill_first: gr.Button
    reload: Wire
    reopen: Wire


def build(door: Door, *, multi_user: bool = False) -> CompareTab:
    """Draw the tab inside the current one, and wire it."""
    with gr.Column(visible=False, elem_classes="itr-empty", elem_id="compare-empty") as empty:
        gr.HTML(
            "<h3>There is one student so far</h3><p>Compare it with a teacher, or distil another "
            "one and see here what it does better and what it does worse.</p>"
        )
        first = gr.Button("Distil a student first", variant="primary", elem_id="compare-distill")
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        form = draw_form(multi_user)
        with gr.Row(elem_classes="itr-actions"):
            run = gr.Button("Run", variant="primary", elem_id="compare-run", min_width=120)
            stop = gr.Button("Stop", visible=False, elem_id="compare-stop", min_width=120)
    view = draw_panes(run, stop)
    shelf = draw_shelf(view)
    _wire_run(door, form, view)
    _wire_votes(door, view, shelf)
    reload = _wire_form(door, form, empty)
    wire_shelf(door, view, shelf)
    reopen = Wire(bind(door, on_link), [view.shown], view.outputs)
    return CompareTab(form.sides[0], form.sides[1], first, reload, reopen)


def _wire_run(door: Door, form: CompareForm, view: CompareView) -> None:
    view.run.click(
        bind(door, on_run),
        form.inputs,
        view.outputs,
        api_name="compare",
        api_description="Two or three sides answer the same prompts; streams panes and figures.",
        **CALM,
        concurrency_limit=None,
        trigger_mode="once",
    )
    view.stop.click(bind(door, on_stop), [view.shown], queue=False, **QUIET)
    view.shown.change(None, [view.shown], None, js=_KEEP_LINK, **QUIET)


def _wire_votes(door: Door, view: CompareView, shelf: CompareShelf) -> None:
    asked = [view.shown, view.revealed]
    bests: tuple[Best, ...] = ("A", "B", "C", "tie", "bad")
    for button, best in zip(view.votes, bests, strict=True):
        button.click(
            bind(door, partial(on_vote, best=best)), asked, [*view.outputs, shelf.board], **QUIET
        )
    view.reveal.click(bind(door, on_reveal), [view.shown], [view.revealed, *view.outputs], **QUIET)


def _wire_form(door: Door, form: CompareForm, empty: gr.Column) -> Wire:
    form.prompt_set.change(
        bind(door, on_set),
        [form.prompt_set],
        [form.prompts, form.upload, form.questions, form.pictures, form.set_words],
        **QUIET,
    )
    form.upload.upload(bind(door, on_upload), [form.upload, form.prompts], [form.prompts], **QUIET)
    form.find.click(
        bind(door, on_find),
        [form.address, *form.sides],
        [form.status, form.models, form.judge, *form.sides],
        show_progress="minimal",
        api_visibility="private",
    )
    listed = [*form.sides, empty]
    gr.on(None, bind(door, on_sides), None, listed, **QUIET)
    return Wire(bind(door, on_sides, polled=True), [form.models, *form.sides], listed)


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_sides(
    backend: Backend, models: tuple[str, ...] = (), *chosen: str | None
) -> tuple[Any, ...]:
    """Refresh the lists of who can answer, keeping the choices that still exist.

    Inputs: found models, A, B, C
    Outputs: A, B, C, empty state
    """
    choices = side_choices(backend, models)
    known = [side for _, side in choices]
    first, second, third = (*chosen, None, None, None)[:3]
    current = backend.student().info
    first = first if first in known else str(current.id if current else known[0])
    others = [side for side in known if side != first]
    second = second if second in others else others[0]
    third = third if third in known else ""
    return (
        gr.update(choices=choices, value=first),
        gr.update(choices=choices, value=second),
        gr.update(choices=[("Nobody", ""), *choices], value=third),
        gr.update(visible=len(backend.students()) < 2),
    )


def on_find(backend: Backend, address: str, *chosen: str | None) -> tuple[Any, ...]:
    """Ask a server for its models, to be compared and to judge.

    Inputs: address, A, B, C
    Outputs: status, found models, judge, A, B, C
    """
    status = backend.teacher_status("ollama", (address or "").strip())
    models = tuple(model.name for model in status.models if model.can_chat)
    judge = gr.update(choices=[("Nobody", ""), *models], value="")
    return (teacher_html(status), models, judge, *on_sides(backend, models, *chosen)[:3])


def on_set(backend: Backend, prompt_set: str) -> tuple[Any, ...]:
    """Show the fields of one kind of prompts.

    Inputs: prompt set
    Outputs: prompts, upload, questions, pictures, words about the set
    """
    typed = gr.update(visible=prompt_set == "typed")
    drawn = prompt_set == "microworld"
    words = set_html(prompt_set, backend.comparing().ten_prompts())
    return typed, typed, gr.update(visible=drawn), gr.update(visible=not drawn), words


def on_upload(backend: Backend, file: str | None, text: str) -> str:
    """Put the prompts of a file, and their right answers, into the field.

    Inputs: file, prompts
    Outputs: prompts
    """
    return lines_of(backend.comparing().read_prompts(Path(file))) if file else text


def on_run(backend: Backend, *form: Any) -> Iterator[tuple[Any, ...]]:
    """Let the sides answer every prompt, each at its own pace, and measure them.

    Inputs: the form
    Outputs: view.outputs
    """
    config = compare_config(backend, form)
    if config.blind:
        # the letters themselves must not tell who is who
        config = replace(config, sides=tuple(random.sample(config.sides, len(config.sides))))
    yield from followed(backend, backend.comparing().start(config))


def on_stop(backend: Backend, shown: str) -> None:
    """Stop all sides within a moment; what was answered stays.

    Inputs: shown comparison
    """
    backend.comparing().stop(ComparisonId(shown))


def on_link(backend: Backend, shown: str) -> Iterator[tuple[Any, ...]]:
    """Show the comparison that the page's address names, and follow it if it still goes on.

    Inputs: shown comparison
    Outputs: view.outputs
    """
    if not shown:
        yield skipped()
        return
    yield from followed(backend, ComparisonId(shown))


def on_vote(backend: Backend, shown: str, revealed: str, *, best: Best) -> tuple[Any, ...]:
    """Keep a vote on the prompt that is shown, and go on to the next.

    Inputs: shown comparison, revealed comparison
    Outputs: view.outputs, board
    """
    comparing = backend.comparing()
    comparison = comparing.get(ComparisonId(shown))
    row = voted_row(comparison, comparing.votes(comparison.id))
    if row is None:
        raise InputError("Every prompt has a vote. Run another comparison to go on.")
    if any(answer is None or not answer.finished for answer in comparison.rows[row].answers):
        raise InputError("Not all answers are there yet. Wait a moment, then vote.")
    comparing.vote(comparison.id, row, best)
    return (*show(backend, comparison, revealed=revealed), board_html(comparing.board()))


def on_reveal(backend: Backend, shown: str) -> tuple[Any, ...]:
    """Say who is who without further votes.

    Inputs: shown comparison
    Outputs: revealed comparison, view.outputs
    """
    comparison = backend.comparing().get(ComparisonId(shown))
    if comparison.state == "running":
        raise InputError("The answers still come. Wait until they are there, or stop them.")
    return (shown, *show(backend, comparison, revealed=shown))
