"""Compare: two students, the same prompts, their answers side by side, and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from model.config import SampleConfig
from model.errors import InputError
from model.records import Evaluation, StudentId, StudentInfo
from webapp.backend import Backend, Door
from webapp.compare_format import (
    LETTERS,
    answers_table,
    idle_pane_html,
    measures_html,
    pane_html,
)
from webapp.config_form import config_from, draw_knobs
from webapp.formatting import student_words
from webapp.open_answers import OpenAnswers
from webapp.panes import Pane, Questions, race
from webapp.widgets import QUIET, Wire, bind

PROMPTS = (
    "What happens if I heat an egg?",
    "What happens if I water a seed?",
    "What happens if I freeze water?",
    "What happens if I heat corn?",
    "What happens if I cut a tree?",
    "I water a seed, then wait. What do I get?",
    "What can you do?",
    "Who are you?",
    "What is popcorn made from?",
    "Who won the World Cup?",
)
MOST_PROMPTS = 50
KNOBS = ("temperature", "max_tokens", "seed")


@dataclass(frozen=True)
class CompareTab:
    """What other tabs may reach: the two choices, and the way to a first student of one's own."""

    left: gr.Dropdown
    right: gr.Dropdown
    distill_first: gr.Button
    reload: Wire


def build(door: Door) -> CompareTab:
    """Draw the tab inside the current one, and wire it."""
    answers, token = OpenAnswers(), gr.State("")
    with gr.Column(visible=False, elem_classes="itr-empty", elem_id="compare-empty") as empty:
        gr.HTML(
            "<h3>Two students are needed</h3><p>There is one student so far. Distil another one, "
            "then see here what it does better and what it does worse.</p>"
        )
        first = gr.Button("Distil a student first", variant="primary", elem_id="compare-distill")
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        with gr.Row():
            left = gr.Dropdown(choices=[], label="Student A", min_width=240, elem_id="compare-left")
            right = gr.Dropdown(
                choices=[], label="Student B", min_width=240, elem_id="compare-right"
            )
        with gr.Row(equal_height=False):
            prompts, picture = _draw_questions()
        with gr.Accordion("Settings", open=False):
            settings = draw_knobs(SampleConfig, KNOBS, "compare")
        with gr.Row(elem_classes="itr-actions"):
            run = gr.Button("Run", variant="primary", elem_id="compare-run", min_width=120)
            stop = gr.Button("Stop", visible=False, elem_id="compare-stop", min_width=120)
            measure = gr.Button("Measure both", elem_id="compare-measure", min_width=120)
    with gr.Row(equal_height=False, elem_classes="itr-panes"):
        panes = [
            gr.HTML(
                idle_pane_html(letter),
                elem_id=f"compare-{letter.lower()}",
                elem_classes="itr-pane",
            )
            for letter in LETTERS
        ]
    table = gr.HTML(elem_id="compare-table")
    measures = gr.HTML(elem_id="compare-measures")
    outputs = [token, *panes, table, run, stop]
    run.click(
        bind(door, partial(on_run, answers=answers)),
        [left, right, prompts, picture, token, *settings],
        outputs,
        api_name="compare",
        api_description="Both students answer the same prompts; streams the two panes.",
        show_progress="hidden",
        concurrency_limit=None,
        trigger_mode="once",
    )
    stop.click(bind(door, partial(on_stop, answers=answers)), [token], queue=False, **QUIET)
    measure.click(
        bind(door, on_measure),
        [left, right],
        [measures],
        api_name="measure",
        show_progress="hidden",
        concurrency_limit=2,
        trigger_mode="once",
    )
    listed = [left, right, empty]
    gr.on(None, bind(door, on_students), None, listed, **QUIET)
    reload = Wire(bind(door, on_students, polled=True), [left, right], listed)
    return CompareTab(left, right, first, reload)


def _draw_questions() -> tuple[gr.Textbox, gr.Image]:
    prompts = gr.Textbox(
        "\n".join(PROMPTS),
        label="Prompts, one per line",
        lines=8,
        max_lines=16,
        scale=3,
        elem_id="compare-prompts",
    )
    picture = gr.Image(
        label="Picture for all prompts (optional)",
        type="filepath",
        sources=["upload", "clipboard"],
        height=220,
        scale=1,
        min_width=220,
        buttons=[],
        elem_id="compare-picture",
    )
    return prompts, picture


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_students(backend: Backend, left: Any = None, right: Any = None) -> tuple[Any, Any, Any]:
    """Refresh both lists of students, keeping the choices that still exist.

    Inputs: left, right
    Outputs: left, right, empty state
    """
    students = backend.students()
    known = [info.id for info in students]
    current = backend.student().info
    first = left if left in known else (current.id if current else next(iter(known), None))
    others = [student for student in known if student != first]
    second = right if right in known else next(iter(others), first)
    choices = [(student_words(info), info.id) for info in students]
    return (
        gr.update(choices=choices, value=first),
        gr.update(choices=choices, value=second),
        gr.update(visible=len(students) < 2),
    )


def on_run(
    backend: Backend,
    left: str | None,
    right: str | None,
    prompts: str | None,
    picture: str | None,
    token: str,
    *settings: Any,
    answers: OpenAnswers,
) -> Iterator[tuple[Any, ...]]:
    """Let both students answer every prompt, side by side.

    Inputs: left, right, prompts, picture, token, the settings' knobs
    Outputs: token, pane A, pane B, table, run, stop
    """
    if answers.is_open(token):
        raise InputError("A comparison is still under way. Stop it first.")
    students = _both(backend, left, right)
    questions = Questions(
        prompt_lines(prompts),
        backend.add_picture(Path(picture)) if picture else None,
        config_from(SampleConfig, KNOBS, settings),
    )
    panes: tuple[Pane, ...] = ()
    ids = [info.id for info in students]
    for open_token, panes in race(backend, ids, questions, answers):
        shown = [
            pane_html(pane, letter, info.name, questions.prompts)
            for pane, letter, info in zip(panes, LETTERS, students, strict=True)
        ]
        yield (open_token, *shown, "", gr.update(visible=False), gr.update(visible=True))
    table = answers_table(panes, questions.prompts)
    idle = gr.update(visible=True), gr.update(visible=False)
    yield ("", gr.skip(), gr.skip(), table, *idle)


def on_stop(backend: Backend, token: str, *, answers: OpenAnswers) -> None:
    """Stop both panes within one step.

    Inputs: token
    """
    answers.cancel(token)


def on_measure(backend: Backend, left: str | None, right: str | None) -> Iterator[str]:
    """Measure both students on the same fresh micro-world questions.

    Inputs: left, right
    Outputs: measures
    """
    results: list[tuple[str, str, Evaluation]] = []
    students = _both(backend, left, right)
    for letter, info in zip(LETTERS, students, strict=True):
        done = measures_html(results) if results else ""
        yield f'<p role="status">Measuring {letter} ({len(results) + 1} of 2)…</p>{done}'
        results.append((letter, info.name, backend.evaluate(info.id)))
    yield measures_html(results)


def prompt_lines(text: str | None) -> tuple[str, ...]:
    """The prompts, one per line. Raises: InputError if there are none, or too many."""
    lines = tuple(line.strip() for line in (text or "").splitlines() if line.strip())
    if not lines:
        raise InputError("There are 0 prompts. Write at least one, each on its own line.")
    if len(lines) > MOST_PROMPTS:
        raise InputError(f"There are {len(lines)} prompts; at most {MOST_PROMPTS} are compared.")
    return lines


def _both(backend: Backend, left: str | None, right: str | None) -> list[StudentInfo]:
    known = {info.id: info for info in backend.students()}
    chosen = [known.get(StudentId(side or "")) for side in (left, right)]
    found = [info for info in chosen if info is not None]
    if len(found) < 2:
        raise InputError("Choose two students from the lists; one of them is no longer there.")
    return found
