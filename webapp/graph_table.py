"""The table of triplets below the drawing: one page of any number, sorted, searched, jumped to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from webapp.backend import Backend
from webapp.formatting import range_words
from webapp.triplet_list import triplet_row, triplet_table
from webapp.widgets import QUIET, Wire

PAGE = 25
ORDERS = [("Newest first", "newest"), ("Oldest first", "oldest"), ("By name", "name")]


@dataclass(frozen=True)
class GraphTable:
    """The components of the table; ``offset`` is the state with the first row that is shown."""

    offset: Any
    order: Any
    rows: Any
    count: Any
    previous: Any
    page: Any
    following: Any

    @property
    def parts(self) -> list[Any]:
        """What ``table_values`` sets, in its order."""
        return [self.rows, self.offset, self.count, self.previous, self.page, self.following]


def draw_table() -> GraphTable:
    """Draw the table, empty."""
    offset = gr.State(0)
    with gr.Row(elem_classes="itr-row itr-table-head"):
        gr.HTML("<h2 class='itr-heading'>Triplets</h2>")
        order = gr.Dropdown(
            ORDERS, value="newest", label="Order of the triplets", show_label=False,
            scale=0, min_width=170, elem_id="table-order",
        )  # fmt: skip
    rows = triplet_table("graph-table")
    with gr.Row(elem_classes="itr-row itr-pager"):
        previous = gr.Button("‹ Previous", size="sm", elem_id="table-previous", min_width=80)
        count = gr.HTML("", elem_id="table-count", elem_classes="itr-num")
        page = gr.Number(
            1, label="Page", precision=0, minimum=1, scale=0, min_width=110,
            elem_id="table-page", elem_classes="itr-page",
        )  # fmt: skip
        following = gr.Button("Next ›", size="sm", elem_id="table-next", min_width=80)
    return GraphTable(offset, order, rows, count, previous, page, following)


def wire_table(table: GraphTable, reload: Wire) -> None:
    """Turn pages, jump to one, and sort; ``reload`` draws what was asked for."""
    for button, step in ((table.previous, -PAGE), (table.following, PAGE)):
        turned = button.click(
            lambda at, step=step: max(0, at + step), [table.offset], [table.offset],
            queue=False, **QUIET,
        )  # fmt: skip
        reload.pull(turned.then)
    jumped = table.page.submit(offset_of, [table.page], [table.offset], queue=False, **QUIET)
    reload.pull(jumped.then)
    sorted_anew = table.order.input(lambda: 0, None, [table.offset], queue=False, **QUIET)
    reload.pull(sorted_anew.then)


def offset_of(page: float | None) -> int:
    """The first row of a page; pages count from 1.

    Inputs: page
    Outputs: offset
    """
    return max(0, int(page or 1) - 1) * PAGE


def table_values(
    backend: Backend, query: str, offset: int, order: str = "newest"
) -> tuple[Any, ...]:
    """The values of ``GraphTable.parts``; the last page if ``offset`` lies beyond it."""
    page = backend.triplets(query.strip(), limit=PAGE, offset=offset, order=order)
    if not page.items and page.total:
        offset = (page.total - 1) // PAGE * PAGE
        page = backend.triplets(query.strip(), limit=PAGE, offset=offset, order=order)
    words = range_words(offset, len(page.items), page.total)
    many = page.total > PAGE
    pages = max(1, -(-page.total // PAGE))
    return (
        {"rows": [triplet_row(backend, item) for item in page.items]},
        offset,
        f"<p class='itr-muted'>{words}</p>",
        gr.Button(interactive=offset > 0, visible=many),
        gr.Number(value=offset // PAGE + 1, label=f"Page of {pages:,}", visible=many),
        gr.Button(interactive=offset + PAGE < page.total, visible=many),
    )
