"""What a listener leaves alone is told as Gradio tells it, and is not built anew."""

from __future__ import annotations

import copy
from typing import Any

import gradio as gr
import pytest
from anyio.from_thread import start_blocking_portal
from gradio.state_holder import SessionState

from webapp.page_blocks import PageBlocks


def _page(kind: type[gr.Blocks], outputs: int = 4) -> tuple[gr.Blocks, list[Any]]:
    with kind(analytics_enabled=False) as page:
        parts = [gr.Chatbot(), gr.State(1), gr.MultimodalTextbox(), gr.HTML()][:outputs]
        gr.Button().click(lambda: None, None, parts)
    return page, parts


def _told(page: gr.Blocks, predictions: Any, state: SessionState | None = None) -> list[Any]:
    """What the page is told; Gradio writes into the values, so each road gets its own."""
    listener = next(iter(page.fns.values()))
    state = state or SessionState(page)
    with start_blocking_portal() as portal:  # this thread's own loop stays as Gradio wants it
        told = portal.call(page.postprocess_data, listener, copy.deepcopy(predictions), state)
    for each in told:  # gr.HTML takes the mark of an update for one of its own properties
        if isinstance(each, dict) and each.get("props") == gr.skip():
            del each["props"]
    return told


@pytest.mark.parametrize(
    "predictions",
    [
        [gr.skip(), gr.skip(), gr.skip(), "<b>why</b>"],
        [[{"role": "user", "content": "hello"}], gr.skip(), gr.update(value=None), gr.skip()],
        [gr.skip(), 7, gr.update(submit_btn=False), gr.update(value="x", visible=False)],
        [gr.skip()] * 4,
        gr.skip(),
    ],
)
def test_the_page_is_told_the_same_as_by_gradio(predictions: Any) -> None:
    ours, theirs = (_told(_page(kind)[0], predictions) for kind in (PageBlocks, gr.Blocks))
    assert ours == theirs


def test_one_output_may_be_left_alone() -> None:
    ours, theirs = (_told(_page(kind, 1)[0], gr.skip()) for kind in (PageBlocks, gr.Blocks))
    assert ours == theirs == [gr.skip()]


def test_what_is_left_alone_is_not_built_anew() -> None:
    page, (log, kept, composer, why) = _page(PageBlocks)
    state = SessionState(page)
    _told(page, [gr.skip(), gr.skip(), gr.skip(), gr.update(value="new")], state)
    assert state[log._id] is log
    assert state[composer._id] is composer
    assert state[why._id] is not why
    assert state[kept._id] == 1


def test_too_few_values_are_refused_in_gradios_words() -> None:
    page, _ = _page(PageBlocks)
    with pytest.raises(ValueError, match="didn't return enough output values"):
        _told(page, [gr.skip(), 1])
