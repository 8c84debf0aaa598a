"""From a text, a document or a picture to triplets: read it, look at the proposals, save."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from model.config import ReadingConfig
from model.errors import GraphError, InputError, ReasonerError
from model.graph_records import Reading, ReadingMatter
from webapp.backend import Backend, Door
from webapp.document_file import KINDS, is_document, read_document
from webapp.formatting import error_html, note_html, triplet_words
from webapp.open_answers import OpenAnswers
from webapp.proposal_list import Proposed, accepted, faces, list_value_of, proposal_list
from webapp.run_format import duration, model_label
from webapp.widgets import QUIET, bind

BY_RULE = ("By rule: lines such as egg · heat · fried egg", "")
_ABOUT = (
    "<p class='itr-muted'>Paste a text, or add one document (txt, md, csv, tsv; UTF-8, up to 5 MB) "
    "or pictures. Lines such as <b>egg · heat · fried egg</b>, <b>egg → heat → fried egg</b> or "
    "<b>egg, heat, fried egg</b> are read without any teacher; sentences and pictures take a "
    "teacher on an Ollama server. Nothing is saved before you accept it.</p>"
)


@dataclass(frozen=True)
class _Panel:
    """The components of the panel."""

    text: Any
    files: Any
    teacher: Any
    address: Any
    look: Any
    read: Any
    stop: Any
    status: Any
    found: Any
    note: Any
    undo: Any


def build_proposals(door: Door, changed: Any, *, multi_user: bool = False) -> Any:
    """Draw the panel inside the current one, and wire it; returns its accordion.

    ``changed`` is the state that counts edits of the graph made in this tab.
    """
    answers = OpenAnswers()
    token, proposed, edit = gr.State(""), gr.State(Proposed()), gr.State(0)
    with gr.Accordion(
        "From a text, a document or a picture", open=False, elem_id="proposals"
    ) as fold:
        panel = _draw(multi_user)
    shown = [panel.status, panel.found, panel.read, panel.stop, token, proposed]
    panel.read.click(
        bind(door, partial(on_read, answers=answers)),
        [panel.text, panel.files, panel.teacher, panel.address, token],
        [*shown, panel.note, panel.undo],
        concurrency_limit=None,
        **QUIET,
    )
    panel.stop.click(
        bind(door, partial(on_stop, answers=answers)), [token], None, queue=False, **QUIET
    )
    looked = bind(door, on_look)
    for trigger in (fold.expand, panel.look.click):
        trigger(looked, [panel.address, panel.teacher], [panel.teacher, panel.status], **QUIET)
    panel.found.save(
        bind(door, partial(on_save, answers=answers), event=True),
        [proposed, token, changed],
        [panel.note, panel.undo, panel.found, proposed, changed, edit],
        **QUIET,
    )
    undone = [panel.note, panel.undo, changed]
    panel.undo.click(bind(door, on_undo), [changed, edit], undone, **QUIET)
    return fold


def _draw(multi_user: bool) -> _Panel:
    gr.HTML(_ABOUT)
    with gr.Row(elem_classes="itr-row itr-proposal-input", equal_height=False):
        text = gr.Textbox(
            label="Text", lines=6, max_lines=14, scale=3, min_width=240, elem_id="proposals-text",
            placeholder="egg · heat · fried egg\nseed → water → seedling",
        )  # fmt: skip
        files = gr.File(
            label="Document or pictures", file_count="multiple", file_types=[*KINDS, "image"],
            height=150, scale=2, min_width=200, elem_id="proposals-files",
        )  # fmt: skip
    with gr.Row(elem_classes="itr-row itr-proposal-reader"):
        teacher = gr.Dropdown(
            [BY_RULE], value="", label="Read", scale=3, min_width=220, elem_id="proposals-teacher"
        )
        address = _draw_address(multi_user)
        look = gr.Button(
            "Look for teachers", size="sm", scale=0, min_width=150, elem_id="proposals-look"
        )
    with gr.Row(elem_classes="itr-row itr-actions"):
        read = gr.Button("Read", variant="primary", min_width=100, elem_id="proposals-read")
        stop = gr.Button("Stop", visible=False, min_width=80, elem_id="proposals-stop")
    status = gr.HTML("", elem_id="proposals-status")
    found = proposal_list("proposals-list")
    with gr.Row(elem_classes="itr-row itr-undo-bar"):
        note = gr.HTML("", elem_id="proposals-note")
        undo = gr.Button("Undo", size="sm", visible=False, min_width=72, elem_id="proposals-undo")
    return _Panel(text, files, teacher, address, look, read, stop, status, found, note, undo)


def _draw_address(multi_user: bool) -> Any:
    # Other clients than the page can set a hidden text box, but not a state.
    if multi_user:
        return gr.State("")
    return gr.Textbox(
        label="Address of the Ollama server", placeholder="http://127.0.0.1:11434",
        scale=2, min_width=190, elem_id="proposals-address",
    )  # fmt: skip


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_look(backend: Backend, address: str, chosen: str) -> tuple[Any, ...]:
    """Offer the models of the Ollama server beside the rules; a choice that is still there stays.

    Inputs: address, teacher
    Outputs: teacher, status
    """
    status = backend.teacher_status("ollama", (address or "").strip())
    models = [(model_label(model), model.name) for model in status.models if model.can_chat]
    known = {name for _, name in models}
    words = "" if status.reachable else f"{status.message} Reading by rule works without one."
    if status.reachable and not models:
        words = "The Ollama server has no model that can read. Reading by rule works without one."
    return (
        gr.Dropdown(choices=[BY_RULE, *models], value=chosen if chosen in known else ""),
        f"<p class='itr-muted' role='status'>{html.escape(words)}</p>" if words else gr.skip(),
    )


def on_read(
    backend: Backend,
    text: str,
    files: Sequence[str] | None,
    teacher: str,
    address: str,
    token: str,
    *,
    answers: OpenAnswers,
) -> Iterator[tuple[Any, ...]]:
    """Read what was given, and list what is found as it is found.

    Inputs: text, files, teacher, address, token
    Outputs: status, found, read, stop, token, proposed, note, undo
    """
    if answers.is_open(token):
        raise InputError("A text is still being read. Stop that first, then read another.")
    nothing = [gr.skip()] * 5
    with answers.work() as token:
        try:
            matter = matter_of(backend, text, files or ())
            config = ReadingConfig(teacher or "", (address or "").strip())
            job = backend.propose(matter, config)
        except ReasonerError as exc:
            yield (error_html(str(exc)), *nothing, "", gr.Button(visible=False))
            return
        answers.attach(token, job)
        listed: Any = None
        for step in job.steps():
            yield _frame(backend, token, step, more=step.drafts != listed)
            listed = step.drafts


def _frame(backend: Backend, token: str, step: Reading, *, more: bool) -> tuple[Any, ...]:
    busy = step.state == "reading"
    proposed = Proposed(token, step.drafts)
    found: Any = gr.skip()  # a long list is not sent again each second
    if more or not busy:
        found = list_value_of(proposed, faces(backend, step.drafts), busy=busy)
    return (
        reading_html(step),
        found,
        gr.Button(interactive=not busy),
        gr.Button(visible=busy),
        token,
        proposed,
        "",
        gr.Button(visible=False),
    )


def matter_of(backend: Backend, text: str, files: Sequence[str]) -> ReadingMatter:
    """What a person gave to be read. Raises: InputError if it cannot be, or is too many things."""
    paths = [Path(file) for file in files]
    documents = [path for path in paths if is_document(path)]
    pictures = [backend.add_picture(path) for path in paths if not is_document(path)]
    given = len(documents) + bool(text.strip())
    if given > 1:
        raise InputError(
            f"There are {given} texts to read. Read one at a time: the pasted one or one document."
        )
    if documents:
        return ReadingMatter(read_document(documents[0]), tuple(pictures), documents[0].name)
    return ReadingMatter(text, tuple(pictures))


def on_stop(backend: Backend, token: str, *, answers: OpenAnswers) -> None:
    """Stop reading; what was found stays listed.

    Inputs: token
    """
    answers.cancel(token)


def on_save(
    backend: Backend,
    event: gr.EventData,
    proposed: Proposed,
    token: str,
    changed: int,
    *,
    answers: OpenAnswers,
) -> tuple[Any, ...]:
    """Save the accepted proposals as one edit; they and the rejected ones leave the list.

    Inputs: found.save (reading, rows, rejected), proposed, token, changed
    Outputs: note, undo, found, proposed, changed, the number of the edit
    """
    try:
        if answers.is_open(token):
            raise InputError("The text is still being read. Wait or stop it, then save.")
        drafts, rest = accepted(proposed, dict(event._data or {}))
        if not drafts:
            raise InputError("0 proposals are accepted. Accept at least one, then save.")
        before = backend.last_edit()
        stored = backend.add_triplets(drafts)
        edit = backend.last_edit()
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), gr.Button(visible=False), *[gr.skip()] * 4
    words = f"Saved {len(stored)} triplets."
    if len(stored) == 1:
        words = f"Saved {triplet_words(stored[0])}."
    left = list_value_of(rest, faces(backend, rest.drafts), busy=False)
    undo = gr.Button(visible=edit != before)  # what was in the graph already is no edit
    return note_html(words), undo, left, rest, changed + 1, edit


def on_undo(backend: Backend, changed: int, edit: int) -> tuple[Any, ...]:
    """Take this edit of the graph back, if it is still the last one.

    Inputs: changed, the number of the edit
    Outputs: note, undo, changed
    """
    return note_html(backend.undo(edit)), gr.Button(visible=False), changed + 1


# ── words ───────────────────────────────────────────────────────────────────────────────────────


def reading_html(step: Reading) -> str:
    """How far a reading is, who reads, and what could not be read."""
    many = "1 triplet" if len(step.drafts) == 1 else f"{len(step.drafts)} triplets"
    by = step.reader or "rule"
    where = f"piece {min(step.piece + 1, step.pieces)} of {step.pieces}"
    if step.state == "reading":
        left = "" if step.remaining_s is None else f" · about {duration(step.remaining_s)} left"
        words = f"{by} reads {where} · {many} so far{left}"
        bar = (
            f"<progress class='itr-progress' max='{step.pieces}' value='{step.piece}' "
            "aria-label='pieces read'></progress>"
        )
        return f"<p class='itr-note'>{html.escape(words)}</p>{bar}{_notes(step)}"
    if step.state == "failed":
        kept = f" {many} found before stay listed." if step.drafts else ""
        return error_html(f"{step.message}{kept}") + _notes(step)
    parts = "" if step.pieces == 1 else f" in {step.piece} of {step.pieces} pieces"
    stop = "Stopped. Read again to go on. " if step.state == "stopped" else ""
    words = f"{stop}Read by {by}: {many}{parts}. {step.message}".strip()
    return note_html(words) + _notes(step)


def _notes(step: Reading) -> str:
    if not step.notes:
        return ""
    items = "".join(f"<li>{html.escape(note)}</li>" for note in step.notes)
    many = "1 remark" if len(step.notes) == 1 else f"{len(step.notes)} remarks"
    return f"<details class='itr-remarks'><summary>{many}</summary><ul>{items}</ul></details>"
