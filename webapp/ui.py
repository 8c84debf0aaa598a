"""The page: the order of the tabs and the events between them, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import RunError
from model.records import PictureId, RunId, StudentId, TripletId
from webapp.backend import Backend, Door
from webapp.compare_form import side_choices
from webapp.header import Header, build_header, show_student
from webapp.node_panel import node_question
from webapp.open_endpoints import offer_endpoints
from webapp.page_blocks import PageBlocks
from webapp.space_hint import space_hint_html
from webapp.tabs import chat, compare, distill, graph, triplets
from webapp.theme import ASSETS, STYLE, VIS_NETWORK, build_theme
from webapp.vote_panel import wire_panel
from webapp.widgets import QUIET, bind, event_number, served

UPLOAD_LIMIT = "500mb"
"""Of a person's own app: a large table or ZIP. Uploads go to disk piece by piece."""
VISITOR_UPLOAD_LIMIT = "25mb"
_TABS = ("triplets", "graph", "chat", "distill", "compare")


@dataclass(frozen=True)
class _Tabs:
    """The five tabs, and the strip that chooses between them."""

    strip: Any
    tab: dict[str, Any]
    triplets: triplets.TripletsTab
    graph: graph.GraphTab
    chat: chat.ChatTab
    distill: distill.DistillTab
    compare: compare.CompareTab


def build_app(door: Door, *, multi_user: bool = False, space: str = "") -> Any:
    """The whole page as ``gr.Blocks``; start it with ``launch(**launch_options())``.

    ``space`` is the name of the Hugging Face Space that the page is shown on.
    """
    with PageBlocks(
        title="Image-Token Reasoning", analytics_enabled=False, delete_cache=(3600, 86400)
    ) as app:
        header = build_header(door, multi_user=multi_user)
        tabs = _draw_tabs(door, multi_user)
        offer_endpoints(door)
        if space:
            gr.HTML(space_hint_html(space))
        _link_graph(door, tabs)
        _link_chat(door, tabs)
        _link_answers(door, tabs)
        _link_students(door, tabs, header)
        header.reload.pull(app.load)
        header.teacher.pull(app.load)
        tabs.triplets.reload.pull(app.load)
        tabs.compare.reopen.pull(app.load, js=compare.LINKED)
        app.load(
            open_linked, [tabs.compare.reopen.inputs[0]], [tabs.strip], js=compare.LINKED, **QUIET
        )
        wire_panel(door, tabs.chat.votes, app.load)
        header.reload.pull(tabs.chat.votes.learned.change)
    return app


def launch_options(*, multi_user: bool = False) -> dict[str, Any]:
    """How the page is launched: its looks, and what the server refuses."""
    gr.set_static_paths([VIS_NETWORK])
    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    return {
        "theme": build_theme(),
        "css_paths": [STYLE],
        "head": f"<script>{script}</script>",
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": VISITOR_UPLOAD_LIMIT if multi_user else UPLOAD_LIMIT,
        "strict_cors": True,
        "ssr_mode": False,
        "show_error": False,
    }


def _draw_tabs(door: Door, multi_user: bool) -> _Tabs:
    tab: dict[str, Any] = {}
    built: dict[str, Any] = {}
    with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as strip:
        for name in _TABS:
            with gr.Tab(name.capitalize(), id=name, elem_id=f"tab-{name}") as tab[name]:
                built[name] = _build_tab(name, door, multi_user)
    return _Tabs(strip, tab, **built)


def _build_tab(name: str, door: Door, multi_user: bool) -> Any:
    shared = {"triplets": triplets.build, "distill": distill.build, "compare": compare.build}
    if name in shared:
        return shared[name](door, multi_user=multi_user)
    builders = {"graph": graph.build, "chat": chat.build}
    return builders[name](door)


def _link_graph(door: Door, tabs: _Tabs) -> None:
    """Triplets ⇄ graph: what one changes the other shows, and each leads to the other."""
    reload = tabs.graph.reload
    reload.pull(tabs.tab["graph"].select)
    reload.pull(tabs.triplets.changed.change)
    tabs.graph.overview.pull(tabs.tab["graph"].select)
    tabs.graph.overview.pull(tabs.triplets.changed.change)
    tabs.triplets.saved.reload.pull(tabs.graph.changed.change)
    seen = [tabs.strip, tabs.graph.search, tabs.graph.lit]
    tabs.triplets.see.click(see_label, [tabs.triplets.last_saved], seen, queue=False, **QUIET)
    tabs.triplets.saved.cards.pick(bind(door, see_triplet, event=True), None, seen, **QUIET)
    parts = [part for slot in tabs.triplets.slots for part in slot.parts]
    tabs.graph.panel.facts.edit(
        bind(door, edit_in_slots, event=True),
        None,
        [tabs.strip, *parts, *tabs.triplets.form_parts],
        **QUIET,
    )
    tabs.graph.first_step.click(lambda: gr.Tabs(selected="triplets"), None, [tabs.strip], **QUIET)


def _link_chat(door: Door, tabs: _Tabs) -> None:
    """Pictures and nodes → chat, put into the composer for the person to send."""
    composer = [tabs.strip, tabs.chat.composer, tabs.chat.pending_roles]
    slots = tabs.triplets.slots
    tabs.triplets.ask.click(
        bind(door, ask_about_slots),
        [*[slot.picture for slot in slots], *[slot.label for slot in slots]],
        composer,
        **QUIET,
    )
    tabs.graph.panel.ask.click(
        bind(door, ask_about_node), [tabs.graph.panel.selected], composer, **QUIET
    )


def _link_answers(door: Door, tabs: _Tabs) -> None:
    """The facts of an answer → their edges in the graph; what is remembered → everywhere."""
    seen = [tabs.strip, tabs.graph.search, tabs.graph.lit]
    remember = tabs.chat.remember
    light = bind(door, light_triplet, event=True, polled=True)
    tabs.chat.why.light(light, None, [tabs.graph.lit], **QUIET)
    tabs.chat.why.see(bind(door, see_fact, event=True), None, seen, **QUIET)
    remember.see.click(see_label, [remember.last_saved], seen, queue=False, **QUIET)
    tabs.graph.reload.pull(remember.changed.change)
    tabs.triplets.saved.reload.pull(remember.changed.change)


def _link_students(door: Door, tabs: _Tabs, header: Header) -> None:
    """A run → its student in chat, or beside the one before."""
    tabs.distill.chat_with.click(
        bind(door, chat_with_result),
        [tabs.distill.selected],
        [tabs.strip, header.student, header.watch],
        **QUIET,
    )
    tabs.distill.compare_with.click(
        bind(door, compare_with_before),
        [tabs.distill.selected],
        [tabs.strip, tabs.compare.left, tabs.compare.right],
        **QUIET,
    )
    tabs.distill.reload.pull(tabs.tab["distill"].select)
    tabs.compare.reload.pull(tabs.tab["compare"].select)
    tabs.compare.distill_first.click(
        lambda: gr.Tabs(selected="distill"), None, [tabs.strip], **QUIET
    )


def open_linked(comparison: str) -> Any:
    """Open the Compare tab if the page's address names a comparison.

    Inputs: shown comparison
    Outputs: tabs
    """
    return gr.Tabs(selected="compare") if comparison else gr.skip()


def see_label(label: str) -> tuple[Any, ...]:
    """Open the graph around a label.

    Inputs: last_saved
    Outputs: tabs, search, lit
    """
    return gr.Tabs(selected="graph"), label, []


def see_triplet(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Open the graph around a saved triplet, with its arrow lit.

    Inputs: cards.pick (id)
    Outputs: tabs, search, lit
    """
    triplet = backend.triplet(TripletId(event_number(event, "id")))
    return gr.Tabs(selected="graph"), triplet.subject, [triplet.id]


def light_triplet(backend: Backend, event: gr.EventData) -> list[int]:
    """Light the edge of the fact that is pointed at in the chat.

    Inputs: why.light (triplet)
    Outputs: lit
    """
    return [event_number(event, "triplet")]


def see_fact(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Open the graph around a fact that an answer used, with its arrow lit.

    Inputs: why.see (triplet)
    Outputs: tabs, search, lit
    """
    triplet = backend.triplet(TripletId(event_number(event, "triplet")))
    return gr.Tabs(selected="graph"), triplet.subject, [triplet.id]


def edit_in_slots(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Open a fact of the graph in the slots, where its pictures can be changed, too.

    Inputs: facts.edit (id)
    Outputs: tabs, all slots, note, see, prediction, save, editing
    """
    return gr.Tabs(selected="triplets"), *triplets.edit_saved(backend, event)


def ask_about_slots(backend: Backend, *values: str) -> tuple[Any, ...]:
    """Put the pictures of the slots into the chat's composer, with a first question.

    Inputs: three pictures, three labels
    Outputs: tabs, composer, pending roles
    """
    held, labels = values[:3], values[3:]
    pictures, roles, question = triplets.question_in_chat(held, labels)
    files = [served(backend.picture_path(PictureId(picture))) for picture in pictures]
    return gr.Tabs(selected="chat"), {"text": question, "files": files}, roles


def ask_about_node(backend: Backend, label: str) -> tuple[Any, ...]:
    """Put a node's picture into the chat's composer, with a first question.

    Inputs: selected
    Outputs: tabs, composer, pending roles
    """
    question, picture = node_question(backend, label)
    files = [served(backend.picture_path(picture))] if picture else []
    return gr.Tabs(selected="chat"), {"text": question, "files": files}, ()


def chat_with_result(backend: Backend, run: str | None) -> tuple[Any, ...]:
    """Let the student that a run made answer in the chat.

    Inputs: selected run
    Outputs: tabs, student, watch
    """
    backend.use_student(_student_of(backend, run))
    return gr.Tabs(selected="chat"), *show_student(backend)


def compare_with_before(backend: Backend, run: str | None) -> tuple[Any, ...]:
    """Put the student that a run started from beside the one that it made.

    Inputs: selected run
    Outputs: tabs, left, right
    """
    made = _student_of(backend, run)
    known = {info.id: info for info in backend.students()}
    before = known[made].parent if made in known else None
    names = side_choices(backend, ())
    started = before if before in known else StudentId(backend.run(RunId(str(run))).config.student)
    return (
        gr.Tabs(selected="compare"),
        gr.Dropdown(choices=names, value=started if started in known else None),
        gr.Dropdown(choices=names, value=made),
    )


def _student_of(backend: Backend, run: str | None) -> StudentId:
    """The student that a run made. Raises: RunError if there is none yet."""
    if not run:
        raise RunError("No run is selected. Choose one from the table of runs.")
    student = backend.run(RunId(run)).student
    if student is None:
        raise RunError("This run has made no student yet. Wait until it is done, or stop and keep.")
    return student
