"""A comparison as JSON and back: the format that is stored, exported and written by the script."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from model.compare_records import (
    AnswerScores,
    CompareConfig,
    CompareRow,
    CompareTask,
    Comparison,
    Difference,
    Measure,
    SideAnswer,
    SideInfo,
    Verdict,
    Vote,
)
from model.config import SampleConfig
from model.errors import ConfigError, InputError
from model.knobs import from_json

FORMAT, VERSION = "image-token-reasoning/comparison", 1
Record = TypeVar("Record")


def to_document(comparison: Comparison, votes: Sequence[Vote] = ()) -> dict[str, Any]:
    """The comparison as JSON values; see ``assets/comparison.schema.json``."""
    return {
        "format": FORMAT,
        "version": VERSION,
        **dataclasses.asdict(comparison),
        "votes": [dataclasses.asdict(vote) for vote in votes],
    }


def to_text(comparison: Comparison, votes: Sequence[Vote] = ()) -> str:
    """The document as text, ready to be written to a file."""
    return json.dumps(to_document(comparison, votes), indent=1, ensure_ascii=False) + "\n"


def from_text(text: str) -> Comparison:
    """The comparison of a document. Raises: InputError if it is none, or of a newer version."""
    try:
        values = json.loads(text)
        if values["format"] != FORMAT or values["version"] > VERSION:
            raise InputError(
                f"The document has format {values['format']} {values['version']}; this version "
                f"reads {FORMAT} up to {VERSION}. Update the program."
            )
        return _comparison(values)
    except (ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise InputError(
            f"This is not a comparison ({type(error).__name__}: {error}). Export it again."
        ) from error


def _comparison(values: Mapping[str, Any]) -> Comparison:
    names = {item.name for item in dataclasses.fields(Comparison)}
    plain = {key: value for key, value in values.items() if key in names}
    config = dict(values["config"])
    config["sampling"] = from_json(SampleConfig, config["sampling"])
    nested = {
        "config": from_json(CompareConfig, config),
        "sides": _all(SideInfo, values["sides"]),
        "rows": tuple(_row(row) for row in values["rows"]),
        "measures": _all(Measure, values["measures"]),
        "differences": _all(Difference, values["differences"]),
        "verdicts": _all(Verdict, values["verdicts"]),
    }
    return Comparison(**{**plain, **nested})


def _row(values: Mapping[str, Any]) -> CompareRow:
    answers = tuple(None if each is None else _answer(each) for each in values["answers"])
    return CompareRow(from_json(CompareTask, values["task"]), answers, values["reference"])


def _answer(values: Mapping[str, Any]) -> SideAnswer:
    scores = from_json(AnswerScores, values["scores"])
    return from_json(SideAnswer, {**values, "scores": scores})


def _all(kind: type[Record], values: Sequence[Mapping[str, Any]]) -> tuple[Record, ...]:
    return tuple(from_json(kind, each) for each in values)
