"""What every tab shares: the one border at which errors become words, and widgets from settings."""

from __future__ import annotations

import dataclasses
import html
import inspect
import json
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from model.errors import GraphError, InputError, ReasonerError
from webapp.backend import Door

log = logging.getLogger(__name__)

_MOST_SLIDER_STOPS = 1200
_WIDEST_SLIDER_RATIO = 1000


CALM: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
"""Options of a listener that does not dim what it updates. The empty list is what saves time: else
the page hands every change of the listener's state to all of its outputs, hidden or not, and looks
for each of them in the whole tree."""
QUIET: dict[str, Any] = {**CALM, "api_visibility": "private"}
"""Options of a calm listener that serves the page only."""


FETCH_FILE = """file => {
    if (!file || !file.url) return;
    const link = document.createElement('a');
    link.href = file.url;
    link.download = file.orig_name || '';
    link.click();
}"""
"""Downloads a file that was just made; its button may not be on the page yet."""


@dataclass(frozen=True)
class Wire:
    """A listener with its ends, so that another tab can pull it without knowing what it does.

    ``busy`` is a CSS selector: what it finds is ``aria-busy`` while the listener works.
    """

    listener: Callable[..., Any]
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    busy: str = ""

    def pull(self, trigger: Callable[..., Any], **options: Any) -> Any:
        """Attach the listener to an event; ``options`` are those of the event."""
        start = {"js": self._mark(True)} if self.busy else {}
        ends = (list(self.inputs), list(self.outputs))
        pulled = trigger(self.listener, *ends, **start, **QUIET, **options)
        if self.busy:  # whether it succeeded or not
            pulled.then(None, None, None, js=self._mark(False), **QUIET)
        return pulled

    def _mark(self, on: bool) -> str:
        found, state = f"document.querySelector({json.dumps(self.busy)})", json.dumps(on)
        return f"(...values) => {{ {found}?.setAttribute('aria-busy', {state}); return values; }}"


def bind(
    door: Door, handler: Callable[..., Any], *, event: bool = False, polled: bool = False
) -> Callable[..., Any]:
    """Make an event listener of ``handler(backend, *values)``: the page's only error boundary.

    The visitor's backend is found through ``door``. With ``event`` the handler gets Gradio's
    event data right after the backend. A generator handler stays one, and is closed with the
    listener. A ``polled`` handler is called by a timer: its failures are logged, not shown, and
    leave the page as it is.

    Raises: gr.Error with the words of a ReasonerError; for any other exception the traceback is
        logged under a short id, and the id is shown.
    """
    if inspect.isgeneratorfunction(inspect.unwrap(_plain(handler))):
        listener = _streaming(door, handler, event)
    else:
        listener = _answering(door, handler, event, polled)
    listener.__name__ = _plain(handler).__name__
    listener.__doc__ = _plain(handler).__doc__
    return listener


def _plain(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The function inside a partial."""
    return getattr(handler, "func", handler)


def _answering(
    door: Door, handler: Callable[..., Any], event: bool, polled: bool
) -> Callable[..., Any]:
    def answer(request: gr.Request, *values: Any) -> Any:
        try:
            return handler(door(request), *values)
        except Exception as exc:
            words = failure_words(exc)
            if polled:
                return gr.skip()
            raise _shown(words) from exc

    def answer_event(request: gr.Request, data: gr.EventData, *values: Any) -> Any:
        return answer(request, data, *values)

    return answer_event if event else answer


def _streaming(door: Door, handler: Callable[..., Any], event: bool) -> Callable[..., Any]:
    def stream(request: gr.Request, *values: Any) -> Iterator[Any]:
        try:
            yield from handler(door(request), *values)
        except Exception as exc:
            raise _shown(failure_words(exc)) from exc

    def stream_event(request: gr.Request, data: gr.EventData, *values: Any) -> Iterator[Any]:
        yield from stream(request, data, *values)

    return stream_event if event else stream


def failure_words(failure: Exception) -> str:
    """What the person reads about a failure; an unforeseen one is logged under a short id."""
    if isinstance(failure, ReasonerError):
        return str(failure)
    if isinstance(failure, gr.Error):
        return str(failure.message)
    short_id = secrets.token_hex(3)
    log.error("unforeseen failure %s", short_id, exc_info=failure)
    return (
        f"Something went wrong (id {short_id}). Nothing was lost; try again, and if it stays, "
        "look for the id in the log."
    )


def _shown(words: str) -> gr.Error:
    # Gradio renders toasts as HTML, and labels that a person typed may stand in the words.
    return gr.Error(html.escape(words), title="Not done", print_exception=False)


def say(words: str, *, title: str = "Done") -> None:
    """Show a short note in the corner of the page; the words may hold anything."""
    gr.Info(html.escape(words), title=title, duration=5)


def served(path: Path) -> str:
    """A copy of a stored picture in Gradio's cache, which the page may show.

    Gradio refuses to show files outside its folders, and the workspace must not become one of
    them: everything in such a folder can be fetched by whoever knows its name.
    """
    return str(save_file_to_cache(path, get_upload_folder()))


def uploaded(payload: Any) -> Path | None:
    """The file that a visitor uploaded, from the raw value of a component; ``None`` if it is empty.

    For listeners with ``preprocess=False``: Gradio's own reading would fail on a bad picture
    before the handler can say why. Raises: InputError for a file that was not uploaded here.
    """
    if not payload:
        return None
    named = payload.get("path") if isinstance(payload, dict) else None
    path = Path(str(named or "")).resolve()
    if not path.is_file() or not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise InputError("The file did not arrive whole. Upload it again.")
    return path


def event_number(event: gr.EventData, name: str) -> int:
    """A number out of an event's data, which any visitor may have made up."""
    value = (event._data or {}).get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise GraphError("The click named no triplet. Reload the page and try again.")
    try:
        return int(value)
    except (ValueError, OverflowError) as exc:
        raise GraphError("The click named no triplet. Reload the page and try again.") from exc


def knob_widget(kind: type, name: str, **overrides: Any) -> Any:
    """The widget for one setting of a config, with its limits, help, unit and default.

    A typed number is not held to its limits, only told them: the config checks them.
    ``overrides`` go to the Gradio component. Raises: ValueError if there is no such setting.
    """
    item = next((item for item in dataclasses.fields(kind) if item.name == name), None)
    if item is None:
        raise ValueError(f"{kind.__name__} has no setting {name!r}")
    about, value = item.metadata, item.default
    unit = f" ({about['unit']})" if about.get("unit") else ""
    common = {
        "value": value,
        "label": name.replace("_", " ").capitalize() + unit,
        "info": about.get("help") or None,
        "elem_id": f"knob-{name.replace('_', '-')}",
        **overrides,
    }
    if isinstance(value, bool):
        return gr.Checkbox(**common)
    if about.get("choices"):
        return gr.Dropdown(choices=list(about["choices"]), **common)
    if isinstance(value, int | float):
        return _number_widget(value, about.get("min"), about.get("max"), common)
    return gr.Textbox(**common)


def _number_widget(
    value: float, low: float | None, high: float | None, common: dict[str, Any]
) -> Any:
    whole = isinstance(value, int)
    if low is None or high is None or not _fits_slider(low, high, whole):
        # Gradio's own limits would refuse a number while it is being typed, with a toast for the
        # 1 of 150 where the least is 4, before the handler can say it beside the form.
        told = " ".join(filter(None, (common["info"], _limit_words(low, high))))
        return gr.Number(precision=0 if whole else None, **{**common, "info": told or None})
    step = 1 if whole else (0.05 if high - low > 0.5 else 0.01)
    return gr.Slider(minimum=low, maximum=high, step=step, **common)


def _limit_words(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    least, most = (
        f"{limit:,}" if isinstance(limit, int) else f"{limit:g}" for limit in (low, high)
    )
    return f"({least} to {most})"


def _fits_slider(low: float, high: float, whole: bool) -> bool:
    if whole:
        return high - low <= _MOST_SLIDER_STOPS
    return low <= 0 or high / low <= _WIDEST_SLIDER_RATIO


def knob_widgets(kind: type, names: Sequence[str]) -> dict[str, Any]:
    """The widgets of several settings, by the setting's name, in the order of ``names``."""
    return {name: knob_widget(kind, name) for name in names}
