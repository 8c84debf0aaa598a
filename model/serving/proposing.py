"""Readings of texts and pictures for triplets: by rule, or by a teacher piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model.config import ReadingConfig
from model.errors import InputError
from model.graph_records import Reading, ReadingJob, ReadingMatter
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.knowledge.text_pieces import cut
from model.knowledge.triplet_lines import LineReading, read_lines
from model.records import PictureId
from model.serving.teacher_reading import MOST_PROPOSALS, Piece, TeacherReading, too_many
from model.teachers import proposals
from model.teachers.server_teacher import ServerTeacher
from model.teachers.servers import teacher_at

MOST_LETTERS = 2_000_000
MOST_PIECES = 500


class Proposing:
    """Starts readings for one workspace; nothing is stored but the teacher's answers."""

    def __init__(self, store: Store, pictures: Pictures, address_of: Callable[[str], str]) -> None:
        """``address_of`` settles which server is asked for the address that was wished for."""
        self._store, self._pictures, self._address_of = store, pictures, address_of

    def start(self, matter: ReadingMatter, config: ReadingConfig) -> ReadingJob:
        """Begin to read; returns at once.

        Raises: InputError if there is nothing to read, too much of it, or a picture but nobody
            who could look at it.
        """
        if not matter.text.strip() and not matter.pictures:
            raise InputError("There is nothing to read. Paste a text, or add a file or a picture.")
        if len(matter.text) > MOST_LETTERS:
            raise InputError(
                f"The text is {len(matter.text):,} letters long; the limit is {MOST_LETTERS:,}. "
                "Read it in parts."
            )
        if config.teacher_model:
            return TeacherReading(self._pieces(matter, config), config, self._teacher(config),
                                  self._store)  # fmt: skip
        if not matter.text.strip():
            raise InputError(
                "A picture cannot be read by rule. Choose a teacher that sees pictures, or put it "
                "into a slot and name it yourself."
            )
        return RuleReading(matter)

    def _teacher(self, config: ReadingConfig) -> ServerTeacher:
        return teacher_at(config.teacher_model, self._address_of(config.address))

    def _pieces(self, matter: ReadingMatter, config: ReadingConfig) -> list[Piece]:
        texts = cut(matter.text, config.piece_letters, config.overlap_letters)
        if len(texts) > MOST_PIECES:
            raise InputError(
                f"The text makes {len(texts):,} pieces; a teacher reads at most {MOST_PIECES}. "
                "Read it in parts."
            )
        author = config.teacher_model
        told = [f"{matter.name}, piece {n} of {len(texts)}" for n in range(1, len(texts) + 1)]
        pieces = [_text_piece(text, author, told[n]) for n, text in enumerate(texts)]
        for picture in matter.pictures:
            pieces.append(
                _picture_piece(picture, self._pictures.path(picture).read_bytes(), author)
            )
        return pieces


def _text_piece(text: str, author: str, where: str) -> Piece:
    origin = f"{where}, read by {author}"
    return Piece(
        proposals.text_question(text),
        proposals.TEXT_SCHEMA,
        lambda answer: proposals.from_text(answer, text, author=author, origin=origin),
    )


def _picture_piece(picture: PictureId, data: bytes, author: str) -> Piece:
    origin = f"picture {picture[:12]}, seen by {author}"
    return Piece(
        proposals.picture_question(data),
        proposals.PICTURE_SCHEMA,
        lambda answer: proposals.from_picture(answer, picture, author=author, origin=origin),
    )


class RuleReading:
    """A text read line by line, in one go."""

    def __init__(self, matter: ReadingMatter) -> None:
        self._matter = matter

    def steps(self) -> Iterator[Reading]:
        """One step: done."""
        found = read_lines(self._matter.text, self._matter.name)
        drafts = found.drafts[:MOST_PROPOSALS]
        left = len(found.drafts) - len(drafts)
        notes = [f"line {problem.row}: {problem.words}" for problem in found.problems]
        if left:
            notes.insert(0, too_many(left))
        words = _rule_words(found)
        if self._matter.pictures:
            notes.insert(0, "The pictures were not read: that takes a teacher that sees.")
        yield Reading("", "done", 1, 1, drafts, tuple(notes), words)

    def cancel(self) -> None:
        """Nothing to stop: it takes a moment."""


def _rule_words(found: LineReading) -> str:
    lines = "1 line" if found.lines == 1 else f"{found.lines:,} lines"
    if not found.drafts:
        return (
            f"None of {lines} has the form egg · heat · fried egg. "
            "Write one triplet per line, or choose a teacher, who can read sentences."
        )
    return f"{found.lines - found.bad_lines:,} of {lines} could be read."
