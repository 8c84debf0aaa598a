"""Import with a look before, and export: the whole graph as a file, in and out."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from model.errors import InputError, ReasonerError
from model.graph_records import ExportKind, ImportPreview, ImportResult, RowProblem
from webapp.backend import Backend, Door
from webapp.formatting import error_html, file_size, muted_html, note_html, triplet_words
from webapp.widgets import FETCH_FILE, QUIET, bind, served, uploaded

KINDS: tuple[tuple[str, ExportKind], ...] = (
    ("CSV", "csv"),
    ("JSON Lines", "jsonl"),
    ("GraphML", "graphml"),
    ("ZIP with pictures", "zip"),
    ("Web page", "html"),
)
_KIND_WORDS = {"csv": "table (CSV)", "jsonl": "JSON Lines", "graphml": "GraphML", "zip": "ZIP"}


@dataclass(frozen=True)
class _Import:
    """The components of an import; ``source`` is the state with the file that was looked at."""

    file: Any
    source: Any
    told: Any
    strict: Any
    go: Any
    leave: Any
    choices: Any


def build_exchange(door: Door, note: Any, changed: Any) -> None:
    """Draw and wire import and export, folded."""
    with gr.Accordion("Import and export", open=False, elem_id="graph-exchange"):
        gr.HTML("<h3 class='itr-heading'>Take the graph away</h3>")
        with gr.Row(elem_classes="itr-row itr-exports"):
            buttons = [
                (kind, gr.Button(word, size="sm", min_width=110, elem_id=f"export-{kind}"))
                for word, kind in KINDS
            ]
        file = gr.DownloadButton(
            "Download", visible=False, size="sm", elem_id="graph-file", variant="primary"
        )
        gr.HTML("<h3 class='itr-heading'>Bring triplets in</h3>")
        bring = _draw_import()
    for kind, button in buttons:
        made = button.click(bind(door, partial(export_file, kind=kind)), None, [file], **QUIET)
        made.success(None, [file], None, js=FETCH_FILE, **QUIET)
    _wire_import(door, bring, note, changed)


def _draw_import() -> _Import:
    source = gr.State(None)
    file = gr.File(
        label="A file of triplets: CSV, JSON Lines, GraphML, or ZIP with pictures",
        height=120,
        elem_id="graph-import",
    )
    told = gr.HTML("", elem_id="import-told")
    with gr.Column(visible=False) as choices:
        strict = gr.Checkbox(
            False, label="All or nothing: import only if every row is good", elem_id="import-strict"
        )
        with gr.Row(elem_classes="itr-row"):
            go = gr.Button(
                "Import", variant="primary", size="sm", elem_id="import-go", min_width=120
            )
            leave = gr.Button("Cancel", size="sm", elem_id="import-leave", min_width=120)
    return _Import(file, source, told, strict, go, leave, choices)


def _wire_import(door: Door, bring: _Import, note: Any, changed: Any) -> None:
    looked = [bring.source, bring.told, bring.choices, bring.go]
    reading = muted_html("Reading the file …")
    begun = bring.file.upload(lambda: reading, None, [bring.told], queue=False, **QUIET)
    begun.then(bind(door, look_at), [bring.file], looked, preprocess=False, **QUIET)
    for trigger in (bring.file.clear, bring.leave.click):
        trigger(forget, None, [bring.file, *looked], queue=False, **QUIET)
    bring.go.click(
        bind(door, bring_in),
        [bring.source, bring.strict, changed],
        [bring.file, *looked, note, changed],
        concurrency_limit=2,
        **QUIET,
    )


def export_file(backend: Backend, *, kind: ExportKind) -> Any:
    """The whole graph as a file to download.

    Outputs: file
    """
    path = backend.export_graph(kind)
    words = f"Download {path.name} ({file_size(path.stat().st_size)})"
    return gr.DownloadButton(words, value=served(path), visible=True)


def look_at(backend: Backend, payload: Any) -> tuple[Any, ...]:
    """Read an uploaded file and tell what importing it would do; nothing is stored.

    Inputs: file (as it was uploaded)
    Outputs: source, told, choices, go
    """
    try:
        path = uploaded(payload)
        if path is None:
            return _nothing("")
        preview = backend.preview_import(path)
    except ReasonerError as exc:
        return _nothing(error_html(str(exc)))
    go = gr.Button(f"Import {preview.good:,} triplets", interactive=preview.good > 0)
    return str(path), preview_html(preview), gr.Column(visible=True), go


def forget() -> tuple[Any, ...]:
    """Leave the file; nothing was imported.

    Outputs: file, source, told, choices, go
    """
    return None, *_nothing("")


def _nothing(words: str) -> tuple[Any, ...]:
    return None, words, gr.Column(visible=False), gr.skip()


def bring_in(
    backend: Backend, source: str | None, strict: bool, changed: int
) -> Iterator[tuple[Any, ...]]:
    """Import the file that was looked at: one edit, which *Undo* takes back as a whole.

    Inputs: source, strict, changed
    Outputs: file, source, told, choices, go, note, changed
    """
    skip = gr.skip()
    if not source:
        raise InputError("There is no file to import. Drop one first.")
    busy = gr.Button("Importing …", interactive=False)
    yield skip, skip, skip, skip, busy, skip, skip
    try:
        result = backend.import_graph(Path(source), all_or_nothing=bool(strict))
    except ReasonerError as exc:
        again = gr.Button("Import", interactive=True)
        yield skip, skip, error_html(str(exc)), skip, again, skip, skip
        return
    words = result_words(result)
    told = note_html(words) + _problems_html(result.problems, result.left_out)
    done = gr.Column(visible=False)
    yield None, None, told, done, gr.Button(interactive=True), note_html(words), changed + 1


def result_words(result: ImportResult) -> str:
    """What an import did, in words."""
    parts = [f"{result.added:,} added"]
    if result.updated:
        parts.append(f"{result.updated:,} updated")
    if result.left_out:
        parts.append(f"{result.left_out:,} left out")
    return f"Imported: {', '.join(parts)}. Undo takes the whole import back."


def preview_html(preview: ImportPreview) -> str:
    """What an import would do: rows, columns, the first triplets, and what is wrong by row."""
    bad = preview.rows - preview.good
    head = f"{preview.rows:,} rows in this {_KIND_WORDS[preview.kind]}: {preview.good:,} are good"
    head += f", {bad:,} cannot become a triplet." if bad else "."
    columns = ", ".join(preview.columns)
    sample = "".join(f"<li>{html.escape(triplet_words(row))}</li>" for row in preview.sample)
    first = f"<p class='itr-muted'>The first of them:</p><ul>{sample}</ul>" if sample else ""
    return (
        f"<div class='itr-import'><p role='status'><b>{html.escape(head)}</b></p>"
        f"<p class='itr-muted'>Columns: {html.escape(columns) or 'none'}</p>{first}"
        f"{_problems_html(preview.problems, bad)}</div>"
    )


def _problems_html(problems: Sequence[RowProblem], total: int) -> str:
    if not problems:
        return ""
    rows = "".join(
        f"<li>Row {problem.row:,}: {html.escape(problem.words)}</li>" for problem in problems
    )
    more = total - len(problems)
    rest = f"<li>and {more:,} more</li>" if more > 0 else ""
    return f"<p class='itr-problems'>What is wrong:</p><ul class='itr-problems'>{rows}{rest}</ul>"
