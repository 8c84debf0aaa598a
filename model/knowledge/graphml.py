"""Triplets as GraphML, which Gephi, yEd, Cytoscape and networkx read and write."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from model.errors import InputError
from model.knowledge.columns import EXPORTED, LABELS, FindPicture, ReadRow, draft_of, fields_of
from model.records import Triplet

_CHUNK = 65_536
LONGEST_TEXT = 10_000
"""Characters of one value that are kept; a label of that length is refused anyway."""
MOST_KEYS = 1000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NODE_NAMES = ("label", "name", "title")


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


class _Reader:
    """Takes a stream of XML apart into nodes and edges; holds no tree."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.found: deque[tuple[str, dict[str, str]]] = deque()
        self._item: tuple[str, dict[str, str]] | None = None
        self._key: str | None = None
        self._text: list[str] = []
        self._length = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        # a document type can name entities that grow without limit, and files to fetch
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise InputError(
            "The file declares a document type or entities (1 <!DOCTYPE> or <!ENTITY>), which can "
            "hide bombs. Export it again as plain GraphML."
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        kind = tag.rpartition(" ")[2]
        if kind == "key" and len(self.keys) < MOST_KEYS:
            self.keys[attributes.get("id", "")] = attributes.get(
                "attr.name", attributes.get("id", "")
            )
        elif kind in ("node", "edge"):
            self._item = (kind, dict(attributes))
        elif kind == "data":
            self._key, self._text, self._length = attributes.get("key", ""), [], 0

    def _characters(self, text: str) -> None:
        if self._key is not None and self._length < LONGEST_TEXT:
            self._text.append(text[: LONGEST_TEXT - self._length])
            self._length += len(text)

    def _end(self, tag: str) -> None:
        kind = tag.rpartition(" ")[2]
        if kind == "data" and self._key is not None:
            if self._item is not None:
                named = self.keys.get(self._key, self._key)
                # yEd puts the words of a node into elements inside its data
                named = "label" if "graphics" in named or not named else named
                self._item[1].setdefault(named, "".join(self._text).strip())
            self._key = None
        elif kind in ("node", "edge") and self._item is not None:
            self.found.append(self._item)
            self._item = None


def _items(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    reader = _Reader()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                reader.parser.Parse(chunk, False)
                while reader.found:
                    yield reader.found.popleft()
            reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InputError(
            f"{path.name} is not whole XML (line {error.lineno}: {expat.ErrorString(error.code)}). "
            "Export it again as GraphML."
        ) from error
    yield from reader.found


def read_graphml(
    path: Path, name: str, picture: FindPicture
) -> tuple[tuple[str, ...], Iterator[ReadRow]]:
    """The attributes of the edges and the rows; a row is an edge, in the order of the file.

    The file is read twice: first for the labels of its nodes, which are held in memory where they
    are not the node's id.

    Raises: InputError if the file is not whole XML, or declares entities or a document type.
    """
    labels: dict[str, str] = {}
    names: dict[str, None] = {}
    for kind, values in _items(path):
        if kind == "edge":
            if len(names) < MOST_KEYS:
                names.update(dict.fromkeys(values))
            continue
        label = next((values[each] for each in _NODE_NAMES if values.get(each)), "")
        if label and label != values.get("id"):
            labels[values.get("id", "")] = label
    return tuple(names), _edges(path, labels, name, picture)


def _edges(
    path: Path, labels: Mapping[str, str], name: str, picture: FindPicture
) -> Iterator[ReadRow]:
    row = 0
    for kind, values in _items(path):
        if kind == "node":
            continue
        row += 1
        ends = [values.pop(end, "") for end in ("source", "target")]
        values = {key.removeprefix("triplet_"): value for key, value in values.items()}
        fields = zip(fields_of(["subject", *values])[1:], values.values(), strict=True)
        found = {field: value for field, value in fields if field}
        found["subject"], found["object"] = (labels.get(end, end) for end in ends)
        try:
            yield row, draft_of(found, name, row, picture)
        except InputError as error:
            yield row, str(error)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def write_graphml(path: Path, labels: Iterable[str], triplets: Iterable[Triplet]) -> None:
    """Write nodes and edges; a node's id is its label, an edge carries the triplet's fields."""
    fields = [field for field in EXPORTED if field not in ("subject", "object")]
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for field in fields:
            kind = "double" if field == "confidence" else "string"
            # an edge's own "source" is a node; the triplet's source needs another name
            named = f"triplet_{field}" if field == "source" else field
            file.write(f'<key id="{field}" for="edge" attr.name="{named}" attr.type="{kind}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for label in labels:
            file.write(f"<node id={_quoted(label)}/>\n")
        for triplet in triplets:
            subject, _, object_ = (getattr(triplet, field) for field in LABELS)
            file.write(f"<edge source={_quoted(subject)} target={_quoted(object_)}>")
            for field in fields:
                value = getattr(triplet, field)
                if value not in (None, ""):
                    file.write(f'<data key="{field}">{escape(_legal(str(value)))}</data>')
            file.write("</edge>\n")
        file.write("</graph>\n</graphml>\n")


def _quoted(text: str) -> str:
    return quoteattr(_legal(text))


def _legal(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
