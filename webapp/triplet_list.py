"""Triplets as cards and as an editable table, drawn in the browser from plain values.

The text of a triplet never meets an HTML template: Gradio evaluates what a template yields as
JavaScript, so a label like ``${…}`` would run. ``assets/triplet_list.js`` and
``assets/triplet_table.js`` build the elements and put the words in as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from model.records import ROLES, ExampleTriplet, PictureId, Triplet
from webapp.backend import Backend
from webapp.theme import ASSETS

THUMB_PX = 96


def triplet_list(label: str, elem_id: str, *classes: str) -> Any:
    """A list of triplets as cards. Events ``pick``, ``edit`` and ``remove`` carry an ``id``.

    A function and not a subclass of gr.HTML, because Gradio writes a ``.pyi`` beside subclasses.
    """
    return gr.HTML(
        value=list_value([], "Loading …"),
        html_template=f"<ul class='itr-list' aria-label='{label}'></ul>",
        js_on_load=(ASSETS / "triplet_list.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=list(classes),
    )


def triplet_table(elem_id: str) -> Any:
    """Triplets as an editable table.

    Events: ``create`` (subject, relation, object, confidence in per cent, note), ``save`` (the
    same with id and version), ``show`` and ``remove`` (id).
    """
    heads = "".join(
        f"<th scope='col' class='itr-role-{role}'><span class='itr-mark-{role}'></span> "
        f"{role.capitalize()}</th>"
        for role in ROLES
    )
    return gr.HTML(
        value={"rows": []},
        html_template=(
            "<table class='itr-table'><caption class='itr-hidden'>Triplets</caption><thead><tr>"
            f"{heads}<th scope='col'>Sure</th><th scope='col'>Note and source</th>"
            "<th scope='col'><span class='itr-hidden'>Edit</span></th></tr></thead>"
            "<tbody></tbody></table>"
        ),
        js_on_load=(ASSETS / "triplet_table.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
    )


def thumbs(backend: Backend, pictures: Sequence[PictureId | None]) -> list[str | None]:
    """The pictures as small ``data:`` URIs, ``None`` where there is none."""
    return [backend.thumbnail(picture, THUMB_PX) if picture else None for picture in pictures]


def triplet_row(backend: Backend, triplet: Triplet, note: str = "") -> dict[str, Any]:
    """A stored triplet as the browser draws it."""
    return {
        "id": triplet.id,
        "version": triplet.version,
        "subject": triplet.subject,
        "relation": triplet.relation,
        "object": triplet.object,
        "source": triplet.source,
        "confidence": round(triplet.confidence * 100),
        "about": triplet.note,
        "pictures": thumbs(backend, triplet.pictures),
        "note": note,
    }


def example_row(backend: Backend, place: int, example: ExampleTriplet) -> dict[str, Any]:
    """An example as the browser draws it; its id is its place in ``Backend.examples()``."""
    draft = example.draft
    pictures = (draft.subject_picture, draft.relation_picture, draft.object_picture)
    return {
        "id": place,
        "subject": draft.subject,
        "relation": draft.relation,
        "object": draft.object,
        "pictures": thumbs(backend, pictures),
        "note": "",
    }


def list_value(rows: Sequence[dict[str, Any]], empty: str = "", **actions: str) -> dict[str, Any]:
    """The value of a list; ``actions`` maps pick, edit and remove to their words."""
    return {"rows": list(rows), "actions": actions, "empty": empty}
