"""What stays of comparisons: exports, earlier ones, and the Elo board."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from model.compare_records import ComparisonId, ReportKind
from model.errors import InputError
from webapp.backend import Backend, Door
from webapp.compare_format import board_html
from webapp.compare_view import CompareView, followed
from webapp.formatting import file_size
from webapp.run_format import ago
from webapp.widgets import FETCH_FILE, QUIET, bind, say, served

_KINDS: tuple[tuple[ReportKind, str], ...] = (
    ("json", "Export JSON"),
    ("csv", "Export CSV"),
    ("html", "Export HTML report"),
)


@dataclass(frozen=True)
class CompareShelf:
    """The parts of the shelf."""

    exports: tuple[gr.Button, ...]
    file: gr.DownloadButton
    earlier: gr.Dropdown
    delete: gr.Button
    board: gr.HTML


def draw_shelf(view: CompareView) -> CompareShelf:
    """Draw the shelf inside the current block; exports stand with the comparison's link."""
    with view.leave, gr.Row(elem_classes="itr-actions"):
        exports = tuple(
            gr.Button(words, size="sm", min_width=120, elem_id=f"compare-export-{kind}")
            for kind, words in _KINDS
        )
        file = gr.DownloadButton("Download", visible=False, size="sm", elem_id="compare-file")
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        with gr.Row(equal_height=False):
            earlier = gr.Dropdown(
                choices=[],
                value=None,
                label="Earlier comparisons",
                min_width=260,
                visible=False,
                elem_id="compare-earlier",
            )
            delete = gr.Button(
                "Delete it",
                visible=False,
                size="sm",
                scale=0,
                min_width=110,
                elem_id="compare-delete",
            )
        with gr.Accordion("Elo board of the blind votes", open=False, elem_id="compare-elo"):
            board = gr.HTML(elem_id="compare-board")
    return CompareShelf(exports, file, earlier, delete, board)


def wire_shelf(door: Door, view: CompareView, shelf: CompareShelf) -> None:
    """Connect the shelf with the view of a comparison."""
    for button, (kind, _) in zip(shelf.exports, _KINDS, strict=True):
        made = button.click(
            bind(door, partial(on_export, kind=kind)), [view.shown], [shelf.file], **QUIET
        )
        made.success(None, [shelf.file], None, js=FETCH_FILE, **QUIET)
    shelf.earlier.input(
        bind(door, on_open),
        [shelf.earlier],
        view.outputs,
        concurrency_limit=None,
        **QUIET,
    )
    listed = [shelf.earlier, shelf.delete, shelf.board]
    shelf.delete.click(bind(door, on_delete), [shelf.earlier], listed, **QUIET)
    gr.on([view.shown.change], bind(door, on_list), [view.shown], listed, **QUIET)
    gr.on(None, bind(door, on_list), None, listed, **QUIET)


def on_export(backend: Backend, shown: str, *, kind: ReportKind) -> Any:
    """The comparison as a file to download.

    Inputs: shown comparison
    Outputs: file
    """
    if not shown:
        raise InputError("No comparison is shown. Run one, or open an earlier one.")
    path = backend.comparing().export(ComparisonId(shown), kind)
    words = f"Download {path.name} ({file_size(path.stat().st_size)})"
    return gr.DownloadButton(words, value=served(path), visible=True)


def on_list(backend: Backend, shown: str = "") -> tuple[Any, ...]:
    """Refresh the list of earlier comparisons, if there are any, and the board.

    Inputs: shown comparison
    Outputs: earlier, delete, board
    """
    heads, now = backend.comparing().all(), time.time()
    choices = [(f"{head.title} · {ago(head.created_at, now)}", head.id) for head in heads]
    value = shown if shown in [head.id for head in heads] else None
    return (
        gr.update(choices=choices, value=value, visible=bool(heads)),
        gr.update(visible=bool(heads)),
        board_html(backend.comparing().board()),
    )


def on_open(backend: Backend, earlier: str | None) -> Iterator[tuple[Any, ...]]:
    """Show an earlier comparison.

    Inputs: earlier
    Outputs: view.outputs
    """
    if not earlier:
        raise InputError("No comparison is chosen. Choose one from the list.")
    yield from followed(backend, ComparisonId(earlier))


def on_delete(backend: Backend, earlier: str | None) -> tuple[Any, ...]:
    """Remove the chosen comparison; votes on it still count.

    Inputs: earlier
    Outputs: earlier, delete, board
    """
    if not earlier:
        raise InputError("No comparison is chosen. Choose one from the list.")
    backend.comparing().delete(ComparisonId(earlier))
    say("The comparison is deleted; votes on it still count.")
    return on_list(backend)
