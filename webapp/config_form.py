"""From the values of widgets back to a config; the counterpart of ``widgets.knob_widget``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import gradio as gr

from model.errors import ConfigError
from webapp.widgets import knob_widget

Config = TypeVar("Config")


def draw_knobs(kind: type, names: Sequence[str], prefix: str) -> list[Any]:
    """The widgets of several settings; ids are ``<prefix>-<name>``, as several tabs have them."""
    ids = {name: f"{prefix}-{name.replace('_', '-')}" for name in names}
    return [knob_widget(kind, name, elem_id=ids[name]) for name in names]


def config_from(
    kind: type[Config], names: Sequence[str], values: Sequence[Any], **fixed: Any
) -> Config:
    """Build a config from widgets' values, given in the order of ``names``.

    Raises: ConfigError if a number was left empty, is not a number, or lies outside its limits.
    """
    defaults = {item.name: item.default for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = zip(names, values, strict=True)
    read = {name: _read(name, value, defaults[name]) for name, value in given}
    return kind(**read, **fixed)


def _read(name: str, value: Any, default: Any) -> Any:
    words = name.replace("_", " ")
    if isinstance(default, bool):
        return bool(value)
    if isinstance(default, int | float):
        try:
            number = type(default)(value)
        except (TypeError, ValueError, OverflowError) as exc:
            shown = "empty" if value in (None, "") else f"“{value}”"
            raise ConfigError(
                f"{words} is {shown}, not a number. Write a number such as {default}."
            ) from exc
        if number != number:
            raise ConfigError(f"{words} is not a number. Write a number such as {default}.")
        return number
    return "" if value is None else str(value)


def picked(data: gr.EventData, name: str, default: Any = None) -> Any:
    """One field of an event that the page sent; ``default`` if it is missing.

    The page's payload is not to be trusted: check the value before using it.
    """
    try:
        return getattr(data, name)
    except AttributeError:
        return default
