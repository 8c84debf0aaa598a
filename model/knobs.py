"""Fields that a person can turn, their limits, and settings as JSON and as command lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, TypeVar

from model.errors import ConfigError

Config = TypeVar("Config")


def knob(
    default: Any,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that a person can turn, with what they need to know about it."""
    metadata = {"help": help, "min": min, "max": max, "unit": unit, "choices": choices}
    return field(default=default, metadata=metadata)


def check_limits(config: Any) -> None:
    """Refuse values outside the limits that the fields declare.

    Raises: ConfigError naming the field, the value and the limits.
    """
    for item in dataclasses.fields(config):
        value, limits = getattr(config, item.name), item.metadata
        low, high, choices = limits.get("min"), limits.get("max"), limits.get("choices")
        words = item.name.replace("_", " ")
        if low is not None and value < low:
            raise ConfigError(f"{words} is {value}; the smallest allowed value is {low}.")
        if high is not None and value > high:
            raise ConfigError(f"{words} is {value}; the largest allowed value is {high}.")
        if choices and value not in choices:
            raise ConfigError(f"{words} is “{value}”; choose one of: {', '.join(choices)}.")


def to_json(config: Any) -> dict[str, Any]:
    """A config as plain JSON values, nested configs included."""
    return dataclasses.asdict(config)


def from_json(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a config from JSON values; tuples come back as tuples.

    Raises: ConfigError if a key is unknown.
    """
    names = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - names)
    if unknown:
        raise ConfigError(
            f"Unknown setting {', '.join(unknown)} for {kind.__name__}; it was written by another "
            f"version. Known settings: {', '.join(sorted(names))}."
        )
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    return kind(**plain)


def options_of(config: Any) -> Iterator[str]:
    """The command-line options that say what a config does not leave at its default."""
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if value == item.default:
            continue
        for word in value if isinstance(value, tuple) else (value,):
            yield from ("--" + item.name.replace("_", "-"), str(word))
