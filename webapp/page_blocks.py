"""The page as Gradio draws it, but what a listener leaves alone costs nothing."""

from __future__ import annotations

import copy
from typing import Any

import gradio as gr


class PageBlocks(gr.Blocks):  # type: ignore[misc]
    """``gr.Blocks`` in which ``gr.skip()`` is free.

    Gradio takes a skipped output for an update without fields: it builds the component anew and
    describes it twice, with the JSON schema of its value. A frame of a streamed answer leaves
    four components alone, which took 12 ms, half of what the server did for an answer.
    """

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What the page is told of a listener's outputs; those skipped are not looked at."""
        outputs = list(block_fn.outputs)
        values = [predictions] if len(outputs) == 1 and not block_fn.batch else predictions
        if _is_skip(values):
            values = [values] * len(outputs)
        if not isinstance(values, list | tuple) or len(values) != len(outputs):
            told = await super().postprocess_data(block_fn, predictions, state)
            return list(told)
        left = [at for at, value in enumerate(values) if not _is_skip(value)]
        told = [None if output.stateful else gr.skip() for output in outputs]
        if left:
            part = copy.copy(block_fn)
            part.outputs = [outputs[at] for at in left]
            given = [values[at] for at in left]
            ready = await super().postprocess_data(
                part, given[0] if len(given) == 1 and not part.batch else given, state
            )
            for at, value in zip(left, ready, strict=True):
                told[at] = value
        return told


def _is_skip(value: Any) -> bool:
    return isinstance(value, dict) and value == gr.skip()
