"""The settings of a run as a file: saved, loaded into the form, or taken from an earlier run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from model.config import DistillConfig, from_json, to_json
from model.errors import ConfigError, InputError
from model.prompt_records import OwnPrompt
from webapp.distill_form import FORM
from webapp.prompt_file import as_lines

KIND = "image-token-reasoning distillation"
VERSION = 1
MOST_BYTES = 10_000_000


def settings_text(config: DistillConfig) -> str:
    """The settings as JSON, with what tells the file from others."""
    value = {"kind": KIND, "version": VERSION, "settings": to_json(config)}
    return json.dumps(value, indent=2, ensure_ascii=False)


def write_settings(config: DistillConfig, folder: Path) -> Path:
    """A file of the settings in a folder."""
    path = folder / "distillation.json"
    path.write_text(settings_text(config), encoding="utf-8")
    return path


def read_settings(file: Path) -> DistillConfig:
    """The settings of a file, every value checked.

    Raises: InputError if it is no such file; ConfigError naming the setting that cannot be used.
    """
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise InputError(f"The file is {size / 1e6:.1f} MB; settings have at most 10 MB.")
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        raise InputError("The file is not JSON. Choose one that “Save settings” wrote.") from exc
    settings = value.get("settings") if isinstance(value, dict) else None
    if not isinstance(settings, dict) or value.get("kind") != KIND:
        raise InputError("The file holds no settings. Choose one that “Save settings” wrote.")
    defaults = {item.name: item.default for item in dataclasses.fields(DistillConfig)}
    for name, given in settings.items():
        if name in defaults:
            settings[name] = _checked(name, given, defaults[name])
    return from_json(DistillConfig, settings)


def _checked(name: str, given: Any, default: Any) -> Any:
    """A value of the kind that the setting has. Raises: ConfigError."""
    if isinstance(default, tuple):
        right = isinstance(given, list) and all(isinstance(each, str) for each in given)
    elif isinstance(default, float):
        right = isinstance(given, int | float) and not isinstance(given, bool)
    else:
        right = type(given) is type(default)
    if not right:
        words = name.replace("_", " ")
        raise ConfigError(f"{words} in the file is {given!r}, not like {default!r}. Correct it.")
    return float(given) if isinstance(default, float) else given


def form_values(config: DistillConfig) -> list[Any]:
    """A config as the values of the form's inputs, the own prompts last; undoes ``form_config``."""
    missing = len(config.own_prompts) - len(config.own_answers)
    answers = (*config.own_answers, *[""] * missing)
    pairs = [OwnPrompt(*pair) for pair in zip(config.own_prompts, answers, strict=True)]
    return [*(getattr(config, name) for name in FORM), as_lines(pairs)]
