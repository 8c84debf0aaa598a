"""What the Compare tab shows of a comparison: its panes, the vote, the figures, the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.compare_records import LETTERS, Comparison, ComparisonId, Vote
from webapp.backend import Backend
from webapp.compare_format import (
    answers_table,
    hidden_pane_html,
    idle_pane_html,
    link_html,
    pane_html,
    progress_html,
)
from webapp.redraws import Redraws


@dataclass(frozen=True)
class CompareView:
    """The components that a comparison fills. ``shown`` holds its id, ``revealed`` the id of one
    whose sides are named before all votes are in."""

    shown: gr.Textbox
    revealed: gr.State
    run: gr.Button
    stop: gr.Button
    progress: gr.HTML
    panes: tuple[gr.HTML, ...]
    voting: gr.Column
    vote_words: gr.HTML
    votes: tuple[gr.Button, ...]
    reveal: gr.Button
    report: gr.HTML
    table: gr.HTML
    leave: gr.Column
    link: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """What ``show`` fills, in its order."""
        return [
            self.shown,
            self.run,
            self.stop,
            self.progress,
            *self.panes,
            self.voting,
            self.vote_words,
            self.votes[2],
            self.report,
            self.table,
            self.leave,
            self.link,
        ]


def draw_panes(run: gr.Button, stop: gr.Button) -> CompareView:
    """Draw the parts below the form inside the current block."""
    shown = gr.Textbox("", visible=False, elem_id="compare-shown")
    progress = gr.HTML(elem_id="compare-progress", elem_classes="itr-optional")
    with gr.Row(equal_height=False, elem_classes="itr-panes"):
        panes = tuple(
            gr.HTML(
                idle_pane_html(letter),
                elem_id=f"compare-{letter.lower()}",
                elem_classes="itr-pane",
                visible=letter != LETTERS[-1],
            )
            for letter in LETTERS
        )
    with gr.Column(visible=False, elem_classes="itr-panel", elem_id="compare-voting") as voting:
        words = gr.HTML(elem_id="compare-vote-words")
        with gr.Row(elem_classes="itr-actions"):
            names = ("A is best", "B is best", "C is best", "Equally good", "All are bad")
            votes = tuple(
                gr.Button(name, size="sm", min_width=100, elem_id=f"compare-vote-{number}")
                for number, name in enumerate(names)
            )
            reveal = gr.Button("Show who is who", size="sm", elem_id="compare-reveal")
    report = gr.HTML(elem_id="compare-report", elem_classes="itr-optional")
    table = gr.HTML(elem_id="compare-table", elem_classes="itr-optional")
    with gr.Column(visible=False, elem_id="compare-leave") as leave:
        link = gr.HTML(elem_id="compare-link")
    return CompareView(
        shown, gr.State(""), run, stop, progress, panes, voting, words, votes, reveal, report,
        table, leave, link,
    )  # fmt: skip


def followed(backend: Backend, comparison: ComparisonId) -> Iterator[tuple[Any, ...]]:
    """The outputs of a comparison as it goes on, paced; the last ones when it is over.

    Leaving the loop leaves the comparison alone: it goes on, and its link leads back to it.
    """
    redraws = Redraws()
    for state in backend.comparing().states(comparison):
        if state.state != "running" or redraws.due():
            yield show(backend, state)
            redraws.drawn()


def show(backend: Backend, comparison: Comparison, *, revealed: str = "") -> tuple[Any, ...]:
    """All outputs of the view for one state of a comparison."""
    running = comparison.state == "running"
    row = None
    if comparison.config.blind and revealed != comparison.id:
        row = voted_row(comparison, backend.comparing().votes(comparison.id))
    hidden = row is not None
    over = not running and not hidden
    return (
        comparison.id,
        gr.update(visible=not running),
        gr.update(visible=running),
        progress_html(comparison),
        *_panes(backend, comparison, row),
        gr.update(visible=hidden),
        "" if row is None else _vote_words(comparison, row),
        gr.update(visible=len(comparison.sides) > 2),
        backend.comparing().report(comparison) if over else "",
        answers_table(comparison) if over else "",
        gr.update(visible=over),
        link_html(comparison) if over else "",
    )


def skipped() -> tuple[Any, ...]:
    """Leave everything as it is."""
    return tuple(gr.skip() for _ in range(11 + len(LETTERS)))


def voted_row(comparison: Comparison, votes: Sequence[Vote]) -> int | None:
    """The prompt that a person votes on now; None once all that were answered have a vote."""
    voted = {vote.row for vote in votes}
    over = comparison.state != "running"
    for number, row in enumerate(comparison.rows):
        answered = all(answer is not None and answer.finished for answer in row.answers)
        if number not in voted and (answered or not over):
            return number
    return None


def _vote_words(comparison: Comparison, row: int) -> str:
    return (
        f"<p><b>Prompt {row + 1} of {len(comparison.rows)}.</b> Which answer is best? Names and "
        "figures are shown after the last vote.</p>"
    )


def _panes(backend: Backend, comparison: Comparison, row: int | None) -> list[Any]:
    panes: list[Any] = []
    for side in range(len(LETTERS)):
        if side >= len(comparison.sides):
            panes.append(gr.update(visible=False))
        elif row is None:
            panes.append(
                gr.update(value=pane_html(comparison, side, backend.thumbnail), visible=True)
            )
        else:
            hidden = hidden_pane_html(comparison, side, row, backend.thumbnail)
            panes.append(gr.update(value=hidden, visible=True))
    return panes
