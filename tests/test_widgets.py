from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.utils import get_upload_folder

from model.compare_records import CompareConfig
from model.config import DistillConfig, ExportConfig, SampleConfig, knob
from model.errors import ConfigError, GraphError, InputError
from tests.fakes import FakeBackend
from webapp.config_form import config_from
from webapp.formatting import file_size, range_words, short_number
from webapp.theme import ASSETS, STYLE
from webapp.widgets import Wire, bind, event_number, knob_widget, uploaded


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


def shout(backend: FakeBackend, word: str) -> str:
    """Say it loud."""
    return word.upper()


def refuse(backend: FakeBackend) -> None:
    raise InputError("The label “<b>x</b>” is empty. Write one.")


def stumble(backend: FakeBackend) -> None:
    raise ZeroDivisionError("secret detail")


def test_a_listener_asks_the_door_for_the_visitors_backend(backend: FakeBackend) -> None:
    asked: list[Any] = []

    def door(request: Any) -> FakeBackend:
        asked.append(request)
        return backend

    assert bind(door, shout)("visitor", "egg") == "EGG"
    assert asked == ["visitor"]


def test_gradio_sees_the_request_in_a_listeners_signature(backend: FakeBackend) -> None:
    listener = bind(lambda _: backend, shout)
    assert list(inspect.signature(listener).parameters) == ["request", "values"]
    assert listener.__name__ == "shout"
    assert listener.__doc__ == "Say it loud."


def test_words_of_a_known_failure_reach_the_page_as_text_not_as_html(backend: FakeBackend) -> None:
    with pytest.raises(gr.Error) as caught:
        bind(lambda _: backend, refuse)(None)
    assert caught.value.message == "The label “&lt;b&gt;x&lt;/b&gt;” is empty. Write one."


def test_an_unforeseen_failure_shows_an_id_and_logs_the_traceback(
    backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        bind(lambda _: backend, stumble)(None)
    words = caught.value.message
    short_id = words.split("(id ")[1].split(")")[0]
    assert "secret detail" not in words
    assert short_id in caplog.text
    assert "ZeroDivisionError: secret detail" in caplog.text


def test_a_polled_failure_is_logged_and_leaves_the_page_as_it_is(
    backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert bind(lambda _: backend, stumble, polled=True)(None) == gr.skip()
    assert "ZeroDivisionError" in caplog.text


def test_closing_a_streaming_listener_closes_its_handler(backend: FakeBackend) -> None:
    closed: list[bool] = []

    def stream(backend: FakeBackend, end: str) -> Iterator[str]:
        try:
            yield "one"
            yield end
        finally:
            closed.append(True)

    listener = bind(lambda _: backend, stream)
    assert inspect.isgeneratorfunction(listener)
    answer = listener(None, "two")
    assert next(answer) == "one"
    answer.close()
    assert closed == [True]


def test_a_failure_in_the_middle_of_a_stream_becomes_words(backend: FakeBackend) -> None:
    def stream(backend: FakeBackend) -> Iterator[str]:
        yield "one"
        raise GraphError("The triplet is gone.")

    answer = bind(lambda _: backend, stream)(None)
    assert next(answer) == "one"
    with pytest.raises(gr.Error, match="The triplet is gone"):
        next(answer)


def test_event_data_comes_right_after_the_backend(backend: FakeBackend) -> None:
    def picked(
        backend: FakeBackend, event: gr.EventData, value: str, *, more: str
    ) -> tuple[Any, ...]:
        return event_number(event, "id"), value, more

    listener = bind(lambda _: backend, partial(picked, more="m"), event=True)
    assert listener(None, gr.EventData(None, {"id": "7"}), "v") == (7, "v", "m")
    assert list(inspect.signature(listener).parameters)[:2] == ["request", "data"]


@pytest.mark.parametrize(
    "made_up", [None, {}, {"id": "x"}, {"id": [1]}, {"id": True}, {"id": 1e400}]
)
def test_a_made_up_click_is_refused_in_words(made_up: Any) -> None:
    with pytest.raises(GraphError, match="named no triplet"):
        event_number(gr.EventData(None, made_up), "id")


def test_an_uploaded_file_is_taken_only_from_the_upload_folder(tmp_path: Path) -> None:
    folder = Path(get_upload_folder()) / "test-uploads"
    folder.mkdir(parents=True, exist_ok=True)
    inside = folder / "picture.png"
    inside.write_bytes(b"x")
    outside = tmp_path / "private.png"
    outside.write_bytes(b"x")
    assert uploaded({"path": str(inside)}) == inside.resolve()
    assert uploaded(None) is None
    for path in (str(outside), str(folder / ".." / ".." / "etc"), "", str(folder / "missing.png")):
        with pytest.raises(InputError, match="did not arrive"):
            uploaded({"path": path})
    inside.unlink()


@dataclass(frozen=True)
class Knobs:
    share: float = knob(0.5, "a share", min=0.0, max=1.0)
    rate: float = knob(1e-3, "a rate", min=1e-6, max=1e-1)
    count: int = knob(8, "a count", min=1, max=64, unit="steps")
    seed: int = knob(0, "a seed", min=0, max=2**31 - 1)
    on: bool = knob(True, "a switch")
    kind: str = knob("a", "a choice", choices=("a", "b"))
    name: str = knob("", "a name")


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("share", gr.Slider),
        ("rate", gr.Number),
        ("count", gr.Slider),
        ("seed", gr.Number),
        ("on", gr.Checkbox),
        ("kind", gr.Dropdown),
        ("name", gr.Textbox),
    ],
)
def test_a_setting_becomes_the_widget_that_fits_it(name: str, component: type) -> None:
    widget = knob_widget(Knobs, name)
    assert type(widget) is component
    assert widget.value == getattr(Knobs(), name)
    assert widget.info.startswith("a ")


def test_a_widget_names_the_unit_and_keeps_the_limits() -> None:
    widget = knob_widget(Knobs, "count")
    assert (widget.label, widget.minimum, widget.maximum, widget.step) == (
        "Count (steps)",
        1,
        64,
        1,
    )


@pytest.mark.parametrize(
    ("name", "words"), [("seed", "a seed (0 to 2,147,483,647)"), ("rate", "a rate (1e-06 to 0.1)")]
)
def test_a_number_names_its_limits(name: str, words: str) -> None:
    assert knob_widget(Knobs, name).info == words


@pytest.mark.parametrize("kind", [SampleConfig, DistillConfig, ExportConfig, CompareConfig])
def test_a_number_outside_its_limits_is_told_by_the_config_not_while_it_is_typed(
    kind: Any,
) -> None:
    fixed = {"sides": ("shipped", "other"), "prompts": ("one",)} if kind is CompareConfig else {}
    for name, item in kind.__dataclass_fields__.items():
        widget = knob_widget(kind, name) if item.metadata else None
        if isinstance(widget, gr.Number):
            wrong = item.metadata["min"] - 1
            assert widget.preprocess(wrong) == wrong
            words = f"{name.replace('_', ' ')} is {wrong}.*smallest allowed value"
            with pytest.raises(ConfigError, match=words):
                config_from(kind, [name], [wrong], **fixed)


@pytest.mark.parametrize("kind", [SampleConfig, DistillConfig])
def test_every_setting_with_help_has_a_widget(kind: type) -> None:
    names = [name for name, item in kind.__dataclass_fields__.items() if item.metadata]  # type: ignore[attr-defined]
    assert names
    for name in names:
        assert knob_widget(kind, name).value == getattr(kind(), name)


def test_a_setting_that_does_not_exist_is_a_mistake_in_code() -> None:
    with pytest.raises(ValueError, match="no setting 'heat'"):
        knob_widget(SampleConfig, "heat")


def test_numbers_and_ranges_are_short_and_readable() -> None:
    assert [short_number(v) for v in (950, 5_100_000, 2000)] == ["950", "5.1M", "2k"]
    assert [file_size(v) for v in (12, 10_400_000)] == ["12 B", "10.4 MB"]
    assert range_words(8, 8, 12_480) == "9–16 of 12,480 triplets"
    assert [range_words(0, n, n) for n in (0, 1, 7)] == ["0 triplets", "1 triplet", "7 triplets"]


def test_scripts_put_words_into_the_page_as_text_only() -> None:
    """Gradio's templates and ``innerHTML`` would run what a label holds."""
    for script in ("page.js", "graph.js", "triplet_list.js", "triplet_table.js"):
        code = (ASSETS / script).read_text(encoding="utf-8")
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ):
            assert forbidden not in code, f"{script} uses {forbidden}"


def test_the_style_asks_no_other_host_for_anything() -> None:
    style = STYLE.read_text(encoding="utf-8")
    assert "http://" not in style
    assert "https://" not in style
    assert "@import" not in style


def test_a_wire_says_that_it_is_busy_and_that_it_no_longer_is() -> None:
    scripts: list[str] = []

    class Pulled:
        def then(self, *ends: Any, **options: Any) -> None:
            scripts.append(options["js"])

    def trigger(*ends: Any, **options: Any) -> Pulled:
        scripts.append(options.get("js", ""))
        return Pulled()

    Wire(print, [], [], busy="#stage").pull(trigger)
    marked, cleared = scripts
    assert "querySelector(\"#stage\")?.setAttribute('aria-busy', true)" in marked
    assert "setAttribute('aria-busy', false)" in cleared
    Wire(print, [], []).pull(trigger)
    assert scripts[2:] == [""]
