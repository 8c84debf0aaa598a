"""What can be done to a node by hand: renamed, merged, split, joined to another by an arrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError, InputError
from model.records import Node, Triplet, TripletDraft, TripletId
from webapp.backend import Backend, Door
from webapp.edit_conflict import save_label
from webapp.formatting import error_html, triplet_words
from webapp.graph_edits import tell_edit
from webapp.widgets import QUIET, bind


@dataclass(frozen=True)
class NodeForm:
    """The components of the form; ``node`` is the state that says which node it is about."""

    node: Any
    box: Any
    label: Any
    rename: Any
    action: Any
    result: Any
    connect: Any
    other: Any
    merge: Any
    moved: Any
    moved_label: Any
    split: Any
    delete: Any

    @property
    def parts(self) -> list[Any]:
        """What ``form_of`` sets, in its order."""
        return [self.node, self.box, self.label, self.moved, *self.typed]

    @property
    def typed(self) -> list[Any]:
        """The fields that are emptied once their edit was made."""
        return [self.action, self.result, self.other, self.moved_label]


def draw_form() -> NodeForm:
    """Draw the form, hidden until a node is selected."""
    node = gr.State(None)
    with gr.Accordion(
        "Change this node", open=False, visible=False, elem_id="node-form",
        elem_classes="itr-node-form",
    ) as box:  # fmt: skip
        label, rename = _line("Its label", "Rename", "node-label")
        with gr.Row(elem_classes="itr-form-line"):
            action = gr.Textbox(
                label="New action", max_lines=1, elem_id="node-action", min_width=90
            )
            result, connect = _pair("Leads to", "Add arrow", "node-result")
        other, merge = _line("Is the same as", "Merge", "node-other", "label of the other node")
        moved = gr.CheckboxGroup(
            [], label="Facts that belong to another node", elem_id="node-moved"
        )
        moved_label, split = _line("That other node's label", "Split off", "node-moved-label")
        delete = gr.Button("Delete this node and its facts", size="sm", elem_id="node-delete")
    return NodeForm(
        node, box, label, rename, action, result, connect, other, merge, moved, moved_label, split,
        delete,
    )  # fmt: skip


def _line(label: str, word: str, elem_id: str, hint: str = "") -> tuple[Any, Any]:
    with gr.Row(elem_classes="itr-form-line"):
        return _pair(label, word, elem_id, hint)


def _pair(label: str, word: str, elem_id: str, hint: str = "") -> tuple[Any, Any]:
    field = gr.Textbox(
        label=label, placeholder=hint or None, max_lines=1, elem_id=elem_id, scale=3, min_width=90
    )
    button = gr.Button(word, size="sm", elem_id=f"{elem_id}-go", scale=0, min_width=96)
    return field, button


def form_of(node: Node | None, facts: Sequence[Triplet], *, kept: bool = False) -> tuple[Any, ...]:
    """The values of ``NodeForm.parts``; with ``kept`` half-typed words stay where they are."""
    if node is None:
        return None, gr.Accordion(visible=False), "", gr.CheckboxGroup([]), *[""] * 4
    choices = [(triplet_words(fact), int(fact.id)) for fact in facts]
    moved = gr.CheckboxGroup(choices, value=[])
    known = {"id": node.id, "label": node.label, "witness": _witness(node, facts)}
    typed = [gr.skip()] * 4 if kept else [""] * 4
    return known, gr.Accordion(visible=True), node.label, moved, *typed


def _witness(node: Node, facts: Sequence[Triplet]) -> tuple[int, str] | None:
    """A triplet of the node and its side: it tells what the node is called when that changed."""
    for fact in facts:
        side = "subject" if fact.subject == node.label else "object"
        return int(fact.id), side
    return None


def _newer_label(backend: Backend, known: dict[str, Any]) -> str:
    """What a node is called now; as far as it is known."""
    witness = known.get("witness")
    if not witness:
        return str(known["label"])
    return str(getattr(backend.triplet(TripletId(witness[0])), witness[1]))


def wire_form(
    door: Door,
    form: NodeForm,
    note: Any,
    changed: Any,
    conflict: list[Any],
    selected: Any,
    search: Any,
) -> None:
    """Wire every edit of the form: a click on its button, or Enter in its field."""
    ends = [note, changed]
    renaming = ([form.node, form.label, search, changed], [*ends, *conflict, selected, search])
    merging = ([form.node, form.other, search, changed], [*ends, search, *form.typed])
    splitting = ([form.node, form.moved, form.moved_label, changed], [*ends, *form.typed])
    joining = ([form.node, form.action, form.result, changed], [*ends, *form.typed])
    for button, field, handler, (inputs, outputs) in (
        (form.rename, form.label, rename_shown, renaming),
        (form.merge, form.other, merge_shown, merging),
        (form.split, form.moved_label, split_shown, splitting),
        (form.connect, form.result, connect_shown, joining),
    ):
        for trigger in (button.click, field.submit):
            trigger(bind(door, handler), inputs, outputs, **QUIET)
    form.delete.click(
        bind(door, delete_shown), [form.node, search, changed], [*ends, selected, search], **QUIET
    )


def _shown(known: dict[str, Any] | None) -> dict[str, Any]:
    if not known:
        raise GraphError("No node is selected. Click one in the drawing, or search for it.")
    return known


def rename_shown(
    backend: Backend, known: dict[str, Any] | None, label: str, search: str, changed: int
) -> tuple[Any, ...]:
    """Give the selected node another label.

    Inputs: node, label, search, changed
    Outputs: note, changed, the parts of the conflict box, selected, search
    """
    known = _shown(known)
    old = str(known["label"])
    try:
        newer = _newer_label(backend, known)
    except GraphError as exc:
        return error_html(str(exc)), changed + 1, *[gr.skip()] * 5
    told = save_label(backend, int(known["id"]), label, old, newer, changed)
    if told[1] == changed:
        return *told, gr.skip(), gr.skip()
    # A conflict shows the node under the label that it has by now, a success under the new one.
    now = newer if told[2] is not None else label.strip()
    return *told, now, now if search.strip().lower() == old.lower() else gr.skip()


def delete_shown(
    backend: Backend, known: dict[str, Any] | None, search: str, changed: int
) -> tuple[Any, ...]:
    """Delete the selected node with all of its facts; *Undo* brings them back.

    Inputs: node, search, changed
    Outputs: note, changed, selected, search
    """
    known = _shown(known)
    label = str(known["label"])

    def edit() -> str:
        return f"{backend.delete_node(int(known['id']), label)} Undo brings it back."

    note, count = tell_edit(edit, changed)
    if count == changed:
        return note, count, gr.skip(), gr.skip()
    return note, count, "", "" if search.strip().lower() == label.lower() else gr.skip()


def merge_shown(
    backend: Backend, known: dict[str, Any] | None, other: str, search: str, changed: int
) -> tuple[Any, ...]:
    """Let the selected node take over everything of another one.

    Inputs: node, other, search, changed
    Outputs: note, changed, search, and the fields of the form
    """
    known = _shown(known)
    gone = (other or "").strip()

    def edit() -> str:
        return backend.merge_nodes(int(known["id"]), [_number_of(backend, gone)])

    note, count = tell_edit(edit, changed)
    moved = count != changed and search.strip().lower() == gone.lower()
    return note, count, known["label"] if moved else gr.skip(), *_emptied(count != changed)


def split_shown(
    backend: Backend,
    known: dict[str, Any] | None,
    moved: Sequence[int],
    label: str,
    changed: int,
) -> tuple[Any, ...]:
    """Move the ticked facts of the selected node to a new one.

    Inputs: node, moved, moved label, changed
    Outputs: note, changed, and the fields of the form
    """
    known = _shown(known)
    chosen = [TripletId(int(number)) for number in moved or []]

    def edit() -> str:
        if not chosen:
            raise GraphError("No fact is ticked. Tick those that belong to the other node.")
        return backend.split_node(int(known["id"]), chosen, label or "")

    note, count = tell_edit(edit, changed)
    return note, count, *_emptied(count != changed)


def connect_shown(
    backend: Backend, known: dict[str, Any] | None, action: str, result: str, changed: int
) -> tuple[Any, ...]:
    """Add an arrow that starts at the selected node: drawing by keyboard.

    Inputs: node, action, result, changed
    Outputs: note, changed, and the fields of the form
    """
    known = _shown(known)

    def edit() -> str:
        draft = TripletDraft(str(known["label"]), action or "", result or "")
        return f"Added {triplet_words(backend.add_triplet(draft))}."

    note, count = tell_edit(edit, changed)
    return note, count, *_emptied(count != changed)


def _emptied(done: bool) -> list[Any]:
    return [""] * 4 if done else [gr.skip()] * 4


def _number_of(backend: Backend, label: str) -> int:
    """The number of the node of this label. Raises: GraphError, InputError."""
    if not label:
        raise InputError("The other node has no label. Write the label of the one to merge.")
    nodes = backend.graph(label, hops=1).nodes
    found = next((node for node in nodes if node.label.lower() == label.lower()), None)
    if found is None:
        raise GraphError(f"Nothing in the graph is called “{label}”. Write the other node's label.")
    return found.id
