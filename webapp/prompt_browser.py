"""A run's prompts and answers as a list to look through: find, edit, drop, take back.

What is listed is a page of the store; ``assets/prompt_list.js`` draws it and puts the words in as
text. What a person edits lives in the browser until it is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import InputError
from model.prompt_records import PROMPT_STATES, PromptPage, RunPrompt
from model.records import PictureId, RunId
from webapp.backend import Backend, Door
from webapp.config_form import picked
from webapp.theme import ASSETS
from webapp.widgets import QUIET, bind

PAGE = 10
FACE_PX = 96
ALL = "all"


@dataclass(frozen=True)
class PromptBrowser:
    """The fold with its search, its filter and the list."""

    fold: gr.Accordion
    state: gr.Radio
    query: gr.Textbox
    refresh: gr.Button
    rows: gr.HTML
    offset: gr.State


def draw_browser() -> PromptBrowser:
    """Draw the fold in the current column."""
    with (
        gr.Column(elem_classes=["itr-panel", "itr-live"]),
        gr.Accordion("Prompts and answers", open=False, elem_id="distill-prompts-fold") as fold,
    ):
        state = gr.Radio(
            [ALL, *PROMPT_STATES],
            value=ALL,
            show_label=False,
            container=False,
            elem_id="distill-prompt-state",
        )
        with gr.Row(elem_classes="itr-row"):
            query = gr.Textbox(
                placeholder="Find words",
                show_label=False,
                container=False,
                elem_id="distill-prompt-query",
            )
            refresh = gr.Button("Refresh", size="sm", scale=0, min_width=90)
        rows = gr.HTML(
            value=_value(None, PromptPage((), 0), {}, 0, editable=False),
            html_template=(
                "<p class='itr-muted itr-prompt-count' aria-live='polite'></p>"
                "<ul class='itr-list itr-prompts' aria-label='Prompts and answers'></ul>"
                "<div class='itr-prompt-pages'>"
                "<button type='button' class='itr-card-act itr-earlier'>Earlier</button>"
                "<button type='button' class='itr-card-act itr-later'>Later</button></div>"
            ),
            js_on_load=(ASSETS / "prompt_list.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id="distill-prompt-list",
        )
    return PromptBrowser(fold, state, query, refresh, rows, gr.State(0))


def wire_browser(
    door: Door,
    browser: PromptBrowser,
    run: gr.State,
    look: gr.Button,
    changing: Sequence[gr.Button],
) -> None:
    """``look`` opens the fold; buttons in ``changing`` change what is listed."""
    asked = [run, browser.state, browser.query]
    shown = [browser.rows, browser.offset]
    listed = bind(door, on_list)
    gr.on(
        [browser.fold.expand, browser.state.input, browser.query.submit, browser.refresh.click],
        listed,
        asked,
        shown,
        **QUIET,
    )
    run.change(bind(door, on_list, polled=True), asked, shown, **QUIET)
    look.click(lambda: gr.update(open=True), None, [browser.fold], **QUIET).then(
        listed, asked, shown, **QUIET
    )
    for button in changing:
        button.click(listed, asked, shown, **QUIET)
    edits = [*asked, browser.offset]
    browser.rows.turn(bind(door, on_page, event=True), edits, shown, **QUIET)
    browser.rows.save(bind(door, on_save, event=True), edits, shown, **QUIET)
    browser.rows.drop(bind(door, on_drop, event=True), edits, shown, **QUIET)


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_list(backend: Backend, run: RunId | None, state: str, query: str) -> tuple[Any, int]:
    """List the first prompts that match.

    Inputs: selected run, state, query
    Outputs: list, offset
    """
    return _listed(backend, run, state, query, 0), 0


def on_page(
    backend: Backend, event: gr.EventData, run: RunId | None, state: str, query: str, offset: int
) -> tuple[Any, int]:
    """Go to the next or the previous prompts.

    Inputs: rows.turn (by), selected run, state, query, offset
    Outputs: list, offset
    """
    by = PAGE if picked(event, "by") == 1 else -PAGE
    to = max(0, offset + by)
    return _listed(backend, run, state, query, to), to


def on_save(
    backend: Backend, event: gr.EventData, run: RunId | None, state: str, query: str, offset: int
) -> tuple[Any, int]:
    """Keep a prompt and its answer as a person wrote them.

    Inputs: rows.save (run, n, text, answer), selected run, state, query, offset
    Outputs: list, offset
    """
    text, answer = str(picked(event, "text", "")), str(picked(event, "answer", ""))
    backend.edit_prompt(*_meant(event, run), text, answer)
    return _listed(backend, run, state, query, offset), offset


def on_drop(
    backend: Backend, event: gr.EventData, run: RunId | None, state: str, query: str, offset: int
) -> tuple[Any, int]:
    """Leave a prompt out of the training, or take it back in.

    Inputs: rows.drop (run, n, dropped), selected run, state, query, offset
    Outputs: list, offset
    """
    backend.drop_prompt(*_meant(event, run), picked(event, "dropped") is True)
    return _listed(backend, run, state, query, offset), offset


def _meant(event: gr.EventData, run: RunId | None) -> tuple[RunId, int]:
    """The prompt that a click was about, if it was on the run that is listed."""
    n = picked(event, "n")
    if run is None or picked(event, "run") != run or isinstance(n, bool) or not isinstance(n, int):
        raise InputError("The list shows another run by now. Refresh it and try again.")
    return run, n


def _listed(backend: Backend, run: RunId | None, state: str, query: str, offset: int) -> Any:
    if run is None:
        return _value(None, PromptPage((), 0), {}, 0, editable=False)
    wanted = state if state in PROMPT_STATES else ""
    page = backend.prompts(run, wanted, query or "", limit=PAGE, offset=offset)
    held = {picture for item in page.items for picture in item.draft.pictures}
    faces = {picture: backend.thumbnail(picture, FACE_PX) for picture in held}
    editable = backend.run(run).state == "collected"
    return _value(run, page, faces, offset, editable=editable)


def _value(
    run: RunId | None, page: PromptPage, faces: dict[PictureId, str], offset: int, *, editable: bool
) -> dict[str, Any]:
    """The value of the list; its script draws it."""
    return {
        "run": run or "",
        "editable": editable,
        "offset": offset,
        "total": page.total,
        "page": PAGE,
        "counts": [[state, page.counts.get(state, 0)] for state in PROMPT_STATES],
        "rows": [_row(item, faces) for item in page.items],
    }


def _row(item: RunPrompt, faces: dict[PictureId, str]) -> dict[str, Any]:
    return {
        "n": item.n,
        "text": item.draft.text,
        "answer": item.answer,
        "state": item.state,
        "reason": item.reason,
        "origin": item.draft.origin,
        "facts": list(item.draft.facts),
        "given": item.given,
        "drawn": bool(item.draft.spec),
        "pictures": [faces[picture] for picture in item.draft.pictures if picture in faces],
    }
