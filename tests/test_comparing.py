from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from model.compare_records import BUILTIN_SIDE, OLLAMA, CompareConfig, Comparison, ComparisonId
from model.comparing.comparing import MOST_AT_ONCE, Comparing, rated_name
from model.comparing.document import from_text, to_document, to_text
from model.comparing.report import figures_html, page_html, table_text
from model.config import SampleConfig
from model.errors import EngineBusy, InputError, ReasonerError
from model.paths import ASSETS
from model.records import Answer, Event, StudentId, Turn
from tests.fakes import FakeBackend
from tests.json_schema import faults

A, B = "shipped", "other"
SCHEMA = json.loads((ASSETS / "comparison.schema.json").read_text(encoding="utf-8"))
HOSTILE = "<img src=x onerror=alert(1)>"


class Gated:
    """An answer that waits for a gate; a ``deaf`` one does not hear a cancel."""

    def __init__(self, answer: Answer, gate: threading.Event, *, deaf: bool) -> None:
        self.answer, self.gate, self.deaf = answer, gate, deaf
        self.cancelled = threading.Event()

    def events(self) -> Iterator[Event]:
        while not self.gate.wait(0.01):
            if self.cancelled.is_set() and not self.deaf:
                break
        yield from self.answer.events()

    def cancel(self) -> None:
        self.cancelled.set()
        self.answer.cancel()


class TwoStudents(FakeBackend):
    """Two students; the answers of the second wait for ``gate``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, delay_s=0.0)
        other = StudentId(B)
        self.made[other] = self._info(other, "other", "made for this test")
        self.gate = threading.Event()
        self.gate.set()
        self.failing: set[str] = set()

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer:
        if turns[-1].text in self.failing:
            raise EngineBusy("32 answers are waiting. Try again in a moment.")
        answer = super().answer(turns, settings, student)
        return Gated(answer, self.gate, deaf=False) if student == B else answer


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[TwoStudents]:
    backend = TwoStudents(tmp_path)
    yield backend
    backend.gate.set()


def typed(*prompts: str, sides: tuple[str, ...] = (A, B)) -> CompareConfig:
    return CompareConfig(sides=sides, prompts=prompts)


def finished(comparing: Comparing, config: CompareConfig) -> Comparison:
    *_, last = comparing.states(comparing.start(config))
    return last


def until(comparing: Comparing, name: ComparisonId, fine: Callable[[Comparison], bool]) -> None:
    """Watch a comparison up to the first state that is ``fine``."""
    assert any(fine(state) for state in comparing.states(name))


def texts(comparison: Comparison, side: int) -> list[str | None]:
    return [answer.text if answer else None for answer in comparison.answers(side)]


def test_the_list_does_not_tell_who_is_who_in_a_blind_comparison(backend: TwoStudents) -> None:
    for sides in ((A, B), (B, A)):
        finished(backend.comparing(), replace(typed("one", sides=sides), blind=True))
    first, second = backend.comparing().all()
    assert first.title == second.title
    finished(backend.comparing(), typed("one", sides=(A, B)))
    assert backend.comparing().all()[0].title != first.title, "open ones are in their order"


# ── the sides at work ───────────────────────────────────────────────────────────────────────────


def test_both_sides_answer_every_prompt(backend: TwoStudents) -> None:
    last = finished(backend.comparing(), typed("one", "two"))
    assert (last.state, last.answered, last.asked) == ("done", 4, 4)
    assert texts(last, 0) == texts(last, 1) == ["This is a small answer about what you asked."] * 2


def test_a_slow_side_does_not_hold_up_the_other(backend: TwoStudents) -> None:
    backend.gate.clear()
    comparing = backend.comparing()
    name = comparing.start(typed("one", "two", "three"))
    until(comparing, name, lambda now: all(a and a.finished for a in now.answers(0)))
    assert not any(answer and answer.finished for answer in comparing.get(name).answers(1))
    backend.gate.set()
    *_, last = comparing.states(name)
    assert last.answered == 6


def test_each_answer_names_the_weights_that_gave_it(backend: TwoStudents) -> None:
    last = finished(backend.comparing(), typed("one"))
    for side, student in enumerate((A, B)):
        answer = last.answers(side)[0]
        assert answer is not None
        assert answer.weights_hash == backend.made[StudentId(student)].weights_hash


def test_all_sides_get_the_same_prompt_pictures_and_seed(backend: TwoStudents) -> None:
    picture = backend.examples()[0].draft.subject_picture
    assert picture is not None
    sampling = SampleConfig(seed=7, temperature=0.5)
    finished(backend.comparing(), replace(typed("one"), pictures=(picture,), sampling=sampling))
    assert len(backend.asked) == 2
    for turns, settings, _ in backend.asked:
        assert (turns[-1].text, turns[-1].pictures, settings) == ("one", (picture,), sampling)


def test_a_failed_answer_is_told_and_the_side_goes_on(backend: TwoStudents) -> None:
    backend.failing = {"one"}
    last = finished(backend.comparing(), typed("one", "two"))
    first, second = last.answers(0)
    assert first is not None
    assert second is not None
    assert "32 answers are waiting" in first.error
    assert second.text
    assert last.state == "done"


def test_stop_keeps_and_measures_what_was_answered(backend: TwoStudents) -> None:
    backend.gate.clear()
    comparing = backend.comparing()
    name = comparing.start(typed("one", "two", sides=(A, B, BUILTIN_SIDE)))
    until(comparing, name, lambda now: all(a and a.finished for a in now.answers(0)))
    comparing.stop(name)
    *_, last = comparing.states(name)
    assert last.state == "stopped"
    assert {measure.side for measure in last.measures if measure.name == "rouge_l"} == {0}
    assert comparing.get(name) == last


def test_a_teacher_that_is_silent_does_not_hold_up_the_stop(
    backend: TwoStudents, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparing, gate = backend.comparing(), threading.Event()
    real = comparing._sides.contestant

    def deaf(side: str, address: str) -> object:
        found = real(side, address)  # type: ignore[arg-type]
        if side.startswith(OLLAMA):
            talk = found.answer
            monkeypatch.setattr(
                found, "answer", lambda task, s: Gated(talk(task, s), gate, deaf=True)
            )
        return found

    monkeypatch.setattr(comparing._sides, "contestant", deaf)
    name = comparing.start(typed("one", sides=(A, f"{OLLAMA}llava")))
    until(comparing, name, lambda now: now.answers(0)[0] is not None)
    comparing.stop(name)
    *_, last = comparing.states(name)
    gate.set()
    assert last.state == "stopped"


def test_it_goes_on_when_nobody_looks_and_can_be_looked_at_again(backend: TwoStudents) -> None:
    backend.gate.clear()
    comparing = backend.comparing()
    name = comparing.start(typed("one"))
    looking = comparing.states(name)
    next(looking)
    looking.close()  # type: ignore[attr-defined]
    backend.gate.set()
    *_, last = comparing.states(name)
    assert last.state == "done"


def test_a_third_comparison_at_once_is_refused(backend: TwoStudents) -> None:
    backend.gate.clear()
    comparing = backend.comparing()
    for _ in range(MOST_AT_ONCE):
        comparing.start(typed("one"))
    with pytest.raises(EngineBusy, match="Stop one"):
        comparing.start(typed("one"))


# ── references and scores ───────────────────────────────────────────────────────────────────────


def test_right_answers_come_before_a_teacher_as_reference(backend: TwoStudents) -> None:
    config = replace(typed("one", "two", sides=(A, f"{OLLAMA}llava")), answers=("yes", ""))
    last = finished(backend.comparing(), config)
    assert [row.reference for row in last.rows] == ["yes", "A teacher's words."]
    assert "known for 1 of 2" in last.reference


def test_a_teacher_is_not_scored_against_itself(backend: TwoStudents) -> None:
    last = finished(backend.comparing(), typed("one", sides=(A, f"{OLLAMA}llava")))
    names = {(measure.name, measure.side) for measure in last.measures}
    assert {("rouge_l", 0), ("agreement", 0), ("loss", 0)} <= names
    assert not {("rouge_l", 1), ("agreement", 1), ("loss", 1)} & names


def test_without_reference_only_speed_is_measured(backend: TwoStudents) -> None:
    last = finished(backend.comparing(), typed("one"))
    assert {measure.name for measure in last.measures} == {"tokens_per_s", "first_token_s"}
    assert "add a teacher" in figures_html(last)


def test_the_oracle_has_every_drawn_question_right(backend: TwoStudents) -> None:
    config = CompareConfig(sides=(A, BUILTIN_SIDE), prompt_set="microworld", questions=8)
    last = finished(backend.comparing(), config)
    exact = {measure.side: measure.value for measure in last.measures if measure.name == "exact"}
    assert exact == {0: 0.0, 1: 1.0}
    assert "B is better" in figures_html(last)


def test_the_judge_gives_a_win_rate(backend: TwoStudents) -> None:
    config = replace(typed("one", sides=(A, f"{OLLAMA}llava")), judge="llava")
    last = finished(backend.comparing(), config)
    assert [verdict.winner for verdict in last.verdicts] == [None]
    assert {m.value for m in last.measures if m.name == "win_rate"} == {0.5}


# ── what is kept ────────────────────────────────────────────────────────────────────────────────


def test_a_comparison_is_there_again_after_a_restart(backend: TwoStudents) -> None:
    last = finished(backend.comparing(), typed("one", sides=(A, B, BUILTIN_SIDE)))
    again = FakeBackend(backend.folder).comparing()
    assert again.get(last.id) == last
    assert [head.id for head in again.all()] == [last.id]
    again.delete(last.id)
    with pytest.raises(InputError, match="no longer there"):
        again.get(last.id)


def test_one_that_the_app_left_behind_is_interrupted(backend: TwoStudents) -> None:
    backend.gate.clear()
    name = backend.comparing().start(typed("one"))
    assert FakeBackend(backend.folder).comparing().get(name).state == "interrupted"


def test_votes_make_the_board_and_outlive_their_comparison(backend: TwoStudents) -> None:
    comparing = backend.comparing()
    last = finished(comparing, typed("one", "two"))
    comparing.vote(last.id, 0, "B")
    comparing.vote(last.id, 1, "A")
    comparing.vote(last.id, 1, "B")
    assert [vote.best for vote in comparing.votes(last.id)] == ["B", "B"]
    comparing.delete(last.id)
    first, second = comparing.board()
    assert first.name == rated_name(last.sides[1])
    assert first.elo > 1000 > second.elo
    assert first.votes == 2


@pytest.mark.parametrize(("row", "best"), [(2, "A"), (-1, "A"), (0, "C"), (0, "D")])
def test_a_vote_on_nothing_is_refused(backend: TwoStudents, row: int, best: str) -> None:
    last = finished(backend.comparing(), typed("one", "two"))
    with pytest.raises(InputError, match="There is no answer"):
        backend.comparing().vote(last.id, row, best)  # type: ignore[arg-type]


# ── documents ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def whole(backend: TwoStudents) -> Comparison:
    """One with everything in it."""
    config = replace(
        typed("one", HOSTILE, sides=(A, B, f"{OLLAMA}llava")), answers=("yes", ""), judge="llava"
    )
    last = finished(backend.comparing(), config)
    backend.comparing().vote(last.id, 0, "A")
    return last


def test_every_state_of_a_comparison_keeps_to_the_schema(
    backend: TwoStudents, whole: Comparison
) -> None:
    votes = backend.comparing().votes(whole.id)
    assert whole.measures
    assert whole.differences
    assert whole.verdicts
    assert faults(json.loads(to_text(whole, votes)), SCHEMA) == []
    for state in backend.comparing().states(backend.comparing().start(typed("one", "two"))):
        assert faults(json.loads(to_text(state)), SCHEMA) == []


def test_the_schema_refuses_what_is_wrong(whole: Comparison) -> None:
    document = to_document(whole)
    plain = json.loads(json.dumps(document))
    for key, value in (("version", 2), ("state", "fine"), ("sides", []), ("extra", 1)):
        assert faults({**plain, key: value}, SCHEMA), key
    plain["rows"][0]["answers"][0]["scores"]["rouge_l"] = 2
    (fault,) = faults(plain, SCHEMA)
    assert fault.startswith("$.rows[0].answers[0].scores.rouge_l is 2")


def test_a_document_read_back_is_the_same_comparison(whole: Comparison) -> None:
    assert from_text(to_text(whole)) == whole


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": "x", "version": 1}'])
def test_what_is_no_comparison_is_told(text: str) -> None:
    with pytest.raises(InputError):
        from_text(text)


def test_a_newer_document_asks_for_an_update(whole: Comparison) -> None:
    newer = {**to_document(whole), "version": 99}
    with pytest.raises(InputError, match="Update the program"):
        from_text(json.dumps(newer))


def test_the_table_has_a_row_for_every_answer_and_no_formula(backend: TwoStudents) -> None:
    last = finished(backend.comparing(), typed("=1+1", "two"))
    rows = list(csv.DictReader(table_text(last).splitlines()))
    assert len(rows) == 4
    assert rows[0]["prompt"] == "'=1+1"
    assert rows[0]["weights_hash"] == backend.made[StudentId(A)].weights_hash


def test_the_report_needs_no_network_and_runs_nothing(
    backend: TwoStudents, whole: Comparison
) -> None:
    page = page_html(whole, backend.comparing().votes(whole.id))
    assert "default-src 'none'" in page
    assert "<img" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "voted best" in page
    assert "<svg" in page


def test_exports_are_files_that_hold_the_comparison(
    backend: TwoStudents, whole: Comparison
) -> None:
    comparing = backend.comparing()
    assert from_text(comparing.export(whole.id, "json").read_text(encoding="utf-8")) == whole
    assert comparing.export(whole.id, "csv").suffix == ".csv"
    assert comparing.export(whole.id, "html").read_text(encoding="utf-8").startswith("<!doctype")
    with pytest.raises(InputError, match="no export"):
        comparing.export(whole.id, "exe")  # type: ignore[arg-type]


def test_a_full_disk_ends_the_comparison_in_words(
    backend: TwoStudents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last state was stored before it was told: readers of one that could not be waited."""
    comparing = backend.comparing()
    backend.gate.clear()
    name = comparing.start(typed("one"))

    def full(*_: object) -> None:
        raise ReasonerError("The disk is full. Make room.")

    monkeypatch.setattr(comparing._store, "save_comparison", full)
    backend.gate.set()
    *_, last = comparing.states(name)
    assert last.state != "running"
    assert "The disk is full" in last.message


def test_a_comparison_deleted_while_it_runs_stays_deleted(backend: TwoStudents) -> None:
    backend.gate.clear()
    comparing = backend.comparing()
    name = comparing.start(typed("one", "two"))
    until(comparing, name, lambda now: now.stage == "answering")
    comparing.delete(name)
    *_, last = comparing.states(name)
    assert last.state == "stopped"
    assert comparing.all() == ()


def test_closing_the_workspace_stops_what_is_under_way(backend: TwoStudents) -> None:
    backend.gate.clear()
    comparing = backend.comparing()
    name = comparing.start(typed("one"))
    comparing.close()
    assert FakeBackend(backend.folder).comparing().get(name).state == "stopped"
