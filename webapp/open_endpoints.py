"""What other programs may ask the page for: named endpoints that change nothing.

They are called with ``gradio_client`` or ``curl``, by whoever may open the page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import gradio as gr

from model.config import SampleConfig
from model.records import Triplet, Turn
from webapp.backend import Backend, Door
from webapp.widgets import bind

_MOST = 200


def ask(backend: Backend, question: str, seed: int = 0) -> dict[str, Any]:
    """Ask the student a question in words; it looks facts up in the knowledge graph.

    Args:
        question: a question such as “What happens if I heat an egg?”
        seed: the same seed gives the same answer

    Returns the answer, the facts that were used, and the hash of the weights that answered.
    """
    answer = backend.answer([Turn("user", question)], SampleConfig(seed=seed))
    said, facts, found = "", [], None
    for event in answer.events():
        if event.kind == "error":
            raise gr.Error(event.text)
        if event.kind == "token":
            said += event.text
        if event.fact is not None:
            facts.append(f"{event.fact.subject} | {event.fact.relation} | {event.fact.object}")
        found = event.stats or found
    weights = found.weights_hash if found else ""
    return {"answer": said.strip(), "facts": facts, "weights": weights}


def find_triplets(backend: Backend, words: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """List the triplets (what, action, result) of the knowledge graph, newest first.

    Args:
        words: only triplets that contain this text; empty for all
        limit: how many at most, up to 200
    """
    page = backend.triplets(words, limit=max(1, min(limit, _MOST)))
    return [_plain(triplet) for triplet in page.items]


def look_around(backend: Backend, thing: str, hops: int = 1) -> list[dict[str, Any]]:
    """List the facts of the knowledge graph that lie around a thing.

    Args:
        thing: the name of a thing, such as “egg”
        hops: how many steps away facts may lie, 1 to 4
    """
    view = backend.graph(thing, hops=max(1, min(hops, 4)), limit=_MOST)
    names = {node.id: node.label for node in view.nodes}
    return [
        {
            "what": names.get(edge.source, ""),
            "action": edge.label,
            "result": names.get(edge.target, ""),
        }
        for edge in view.edges
    ]


def list_runs(backend: Backend) -> list[dict[str, Any]]:
    """List the distillation runs, newest first, with their state and losses."""
    return [
        {
            "id": run.id,
            "name": run.name,
            "state": run.state,
            "step": run.step,
            "steps": run.steps,
            "train_loss": run.train_loss,
            "validation_loss": run.validation_loss,
            "student": run.student,
        }
        for run in backend.runs()
    ]


OPEN: dict[str, Callable[..., Any]] = {
    handler.__name__: handler for handler in (ask, find_triplets, look_around, list_runs)
}
"""The endpoints by their names."""


def offer_endpoints(door: Door) -> None:
    """Add the endpoints to the page that is being built."""
    for name, handler in OPEN.items():
        gr.api(_called_from_outside(door, handler), api_name=name)


def _called_from_outside(door: Door, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler without its backend, with the signature that Gradio documents."""
    listener = bind(door, handler)
    shown = inspect.signature(handler)
    asking = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kept = [part for part in shown.parameters.values() if part.name != "backend"]
    hints = {**get_type_hints(handler), "request": gr.Request}
    del hints["backend"]
    typed = [part.replace(annotation=hints[part.name]) for part in (asking, *kept)]
    listener.__annotations__ = hints
    listener.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        typed, return_annotation=hints["return"]
    )
    return listener


def _plain(triplet: Triplet) -> dict[str, Any]:
    return {
        "id": triplet.id,
        "what": triplet.subject,
        "action": triplet.relation,
        "result": triplet.object,
        "note": triplet.note,
        "source": triplet.source,
        "confidence": triplet.confidence,
    }
