from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
import torch

from model.config import SampleConfig
from model.errors import EngineBusy, InputError
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import Message
from model.records import Event, Fact, TripletId
from model.serving.engine import Engine
from model.serving.engine_answer import EngineAnswer
from tests.small import picture

LIMIT_S = 30.0


@pytest.fixture
def engine(tiny_student: ImageTokenReasoningLLM) -> Iterator[Engine]:
    engine = Engine(tiny_student, "abcdef123456", max_rows=4, max_waiting=6)
    yield engine
    engine.close()


def _prompt(student: ImageTokenReasoningLLM, text: str, colour: str | None = None) -> Prompt:
    images = [picture(colour)] if colour else []
    return student.prompt([Message("user", text, len(images))], images, room=100)


def _text(answer: EngineAnswer) -> str:
    return "".join(event.text for event in answer.events() if event.kind == "token")


def _long(student: ImageTokenReasoningLLM) -> SampleConfig:
    """Settings under which a random student talks on and on."""
    return SampleConfig(max_tokens=120, temperature=1.5, seed=3)


def test_answers_in_a_batch_equal_single_answers(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    asked = [
        (_prompt(tiny_student, f"question {n} " * (n + 1), colour), SampleConfig(max_tokens=12 + n))
        for n, colour in enumerate(["red", None, "blue", "white", None, "green"])
    ]
    answers = [engine.ask(prompt, sampling) for prompt, sampling in asked]
    together = [_text(answer) for answer in answers]
    alone = ["".join(tiny_student.pieces(prompt, sampling)) for prompt, sampling in asked]
    assert together == alone
    assert any(together)


def test_an_answer_ends_with_its_figures_and_done(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    fact = Fact(TripletId(1), "egg", "heat", "fried egg", 1.0)
    answer = engine.ask(_prompt(tiny_student, "egg?"), SampleConfig(max_tokens=9), (fact,))
    events: list[Event] = list(answer.events())
    assert events[0].kind == "source"
    assert events[0].fact == fact
    assert [event.kind for event in events[-2:]] == ["stats", "done"]
    stats = events[-2].stats
    assert stats is not None
    assert stats.weights_hash == "abcdef123456"
    assert stats.tokens <= 9
    assert stats.stopped_by in ("end", "length")


def test_a_cancelled_answer_ends_and_leaves_its_row_to_others(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    long = _long(tiny_student)
    first = engine.ask(_prompt(tiny_student, "one"), long)
    events = first.events()
    assert next(events).kind == "token"
    first.cancel()
    rest = list(events)
    assert rest[-2].stats is not None
    assert rest[-2].stats.stopped_by == "cancelled"
    assert rest[-2].stats.tokens < 120
    assert _text(engine.ask(_prompt(tiny_student, "two"), SampleConfig(max_tokens=5))) is not None


def test_an_answer_cancelled_while_it_waits_never_starts(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    hold = threading.Event()
    engine.run(lambda student: hold.wait(LIMIT_S))
    waiting = engine.ask(_prompt(tiny_student, "never"), _long(tiny_student))
    waiting.cancel()
    hold.set()
    events = list(waiting.events())
    assert [event.kind for event in events] == ["stats", "done"]
    assert events[0].stats is not None
    assert events[0].stats.tokens == 0


def test_too_many_waiting_answers_are_refused_with_the_number(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    hold = threading.Event()
    engine.run(lambda student: hold.wait(LIMIT_S))
    prompt = _prompt(tiny_student, "busy?")
    answers = [engine.ask(prompt, SampleConfig(max_tokens=2)) for _ in range(6)]
    with pytest.raises(EngineBusy, match="6 answers are waiting already"):
        engine.ask(prompt, SampleConfig(max_tokens=2))
    hold.set()
    assert all(list(answer.events())[-1].kind == "done" for answer in answers)


def test_cancelled_answers_keep_no_place_among_those_that_wait(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    hold = threading.Event()
    engine.run(lambda student: hold.wait(LIMIT_S))
    prompt, short = _prompt(tiny_student, "busy?"), SampleConfig(max_tokens=2)
    left = [engine.ask(prompt, short) for _ in range(6)]
    for answer in left:
        answer.cancel()
    live = [engine.ask(prompt, short) for _ in range(6)]
    with pytest.raises(EngineBusy, match="6 answers are waiting already"):
        engine.ask(prompt, short)
    hold.set()
    assert all([event.kind for event in one.events()] == ["stats", "done"] for one in left)
    assert all(list(one.events())[-1].kind == "done" for one in live)


class Leaves:
    """Any token but an end may come; another reader leaves when the first one was drawn."""

    def __init__(self, student: ImageTokenReasoningLLM) -> None:
        self.allowed_V = torch.ones(len(student.tokenizer), dtype=torch.bool)
        self.allowed_V[list(student.end_ids)] = False
        self.other: EngineAnswer | None = None

    def allowed(self) -> torch.Tensor:
        return self.allowed_V

    def took(self, index: int) -> bool:
        assert self.other is not None
        self.other.cancel()
        return False


def test_a_waiting_answer_that_is_cancelled_ends_before_a_row_is_free(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, ended, put = Engine(tiny_student, "hash", max_rows=1), [], EngineAnswer.put

    def noted(answer: EngineAnswer, event: Event) -> None:
        if event.kind == "done":
            ended.append(answer)
        put(answer, event)

    monkeypatch.setattr(EngineAnswer, "put", noted)
    prompt, leaves, hold = _prompt(tiny_student, "egg?"), Leaves(tiny_student), threading.Event()
    engine.run(lambda student: hold.wait(LIMIT_S))
    first = engine.ask(prompt, SampleConfig(max_tokens=20), constraint=leaves)
    leaves.other = engine.ask(prompt, SampleConfig(max_tokens=20))
    hold.set()
    assert list(first.events())[-1].kind == "done"
    assert ended == [leaves.other, first]
    assert len(first.ids) == 20
    engine.close()


def test_other_work_is_done_between_steps_on_the_same_thread(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    answer = engine.ask(_prompt(tiny_student, "meanwhile"), _long(tiny_student))
    name = engine.run(lambda student: threading.current_thread().name).result(LIMIT_S)
    assert name == "engine"
    assert list(answer.events())[-1].kind == "done"


@pytest.mark.parametrize("fault", [RuntimeError, InputError, OSError, KeyError])
def test_work_that_fails_fails_for_its_caller_only(
    engine: Engine, tiny_student: ImageTokenReasoningLLM, fault: type[Exception]
) -> None:
    def work(student: ImageTokenReasoningLLM) -> None:
        raise fault("no")

    future = engine.run(work)
    with pytest.raises(fault):
        future.result(LIMIT_S)
    answer = engine.ask(_prompt(tiny_student, "still here?"), SampleConfig(max_tokens=3))
    assert list(answer.events())[-1].kind == "done"


def test_closing_leaves_nobody_waiting(tiny_student: ImageTokenReasoningLLM) -> None:
    engine = Engine(tiny_student, "hash", max_rows=1)
    answers = [engine.ask(_prompt(tiny_student, f"{n}"), _long(tiny_student)) for n in range(3)]
    next(answers[0].events())
    engine.close()
    assert all(list(answer.events())[-1].kind in ("done", "error") for answer in answers)
    with pytest.raises(EngineBusy):
        engine.ask(_prompt(tiny_student, "late"), SampleConfig())


class Broken:
    """A form that no token has."""

    def allowed(self) -> torch.Tensor:
        raise RuntimeError("a fault of this answer")

    def took(self, index: int) -> bool:
        return False


@pytest.mark.parametrize("where", ["begin", "advance", "take"])
def test_an_answer_that_fails_ends_alone(
    engine: Engine,
    tiny_student: ImageTokenReasoningLLM,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a fault of this answer")

    prompt, sampling = _prompt(tiny_student, "egg?"), SampleConfig(max_tokens=40)
    other = engine.ask(_prompt(tiny_student, "bread?"), sampling)
    events = other.events()
    first = next(events)  # its prompt is read
    with monkeypatch.context() as patched:
        if where != "take":
            patched.setattr(engine._reader, where, broken)
        constraint = Broken() if where == "take" else None
        (last,) = engine.ask(prompt, sampling, constraint=constraint).events()
    assert (last.kind, last.text[:18]) == ("error", "This answer failed")
    rest = list(events)
    assert rest[-1].kind == "done"
    said = "".join(event.text for event in (first, *rest) if event.kind == "token")
    alone = "".join(tiny_student.pieces(_prompt(tiny_student, "bread?"), sampling))
    assert said == alone
    again = _text(engine.ask(prompt, sampling))
    assert again == "".join(tiny_student.pieces(prompt, sampling))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_leaves_nobody_waiting_and_a_retry_right_then_is_served(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, prompt = Engine(tiny_student, "hash"), _prompt(tiny_student, "egg?")
    steps, futures, retries = engine._step_rows, list[Future[int]](), list[EngineAnswer]()
    put = EngineAnswer.put

    def broken(tokens: list[int], positions: list[int]) -> torch.Tensor:
        monkeypatch.setattr(engine, "_step_rows", steps)
        futures.append(engine.run(lambda student: 1))
        raise RuntimeError("a fault")

    def told(answer: EngineAnswer, event: Event) -> None:
        if event.kind == "error":  # here the old thread is still alive
            retries.append(engine.ask(prompt, SampleConfig(max_tokens=3)))
        put(answer, event)

    monkeypatch.setattr(engine, "_step_rows", broken)
    monkeypatch.setattr(EngineAnswer, "put", told)
    answer = engine.ask(prompt, SampleConfig(max_tokens=3))
    assert list(answer.events())[-1].kind == "error"
    with pytest.raises(EngineBusy):
        futures[0].result(LIMIT_S)
    assert list(retries[0].events())[-1].kind == "done"
    engine.close()


def test_only_an_engine_with_nothing_to_do_is_closed_as_idle(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    hold, begun = threading.Event(), threading.Event()
    engine.run(lambda student: begun.set() or hold.wait(LIMIT_S))
    assert begun.wait(LIMIT_S)
    assert not engine.close_if_idle(0), "at work"
    answer = engine.ask(_prompt(tiny_student, "egg?"), SampleConfig(max_tokens=3))
    hold.set()
    assert list(answer.events())[-1].kind == "done"
    engine.expect()
    assert not engine.close_if_idle(1e6), "somebody is about to ask"
    engine.close()
    assert engine.close_if_idle(0)


def test_a_stop_string_ends_the_answer(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    prompt = _prompt(tiny_student, "stop?")
    whole = _text(engine.ask(prompt, SampleConfig(max_tokens=40)))
    word = whole[len(whole) // 2 :][:3]
    cut = _text(engine.ask(prompt, SampleConfig(max_tokens=40, stop=(word,))))
    assert cut == whole[: whole.index(word)]


def test_an_answer_keeps_its_tokens_and_what_the_student_gave_them(
    engine: Engine, tiny_student: ImageTokenReasoningLLM
) -> None:
    prompt = _prompt(tiny_student, "egg?", "red")
    answer = engine.ask(prompt, SampleConfig(max_tokens=6, temperature=0.8, seed=4))
    _text(answer)
    ids = torch.tensor([[*prompt.ids, *answer.ids]])
    with torch.inference_mode():
        logits_BSV = tiny_student(ids, prompt.pixels_NCHW)
    logs_SV = logits_BSV[0, len(prompt.ids) - 1 : -1].log_softmax(-1)
    expected = logs_SV.gather(1, torch.tensor(answer.ids)[:, None])[:, 0]
    assert torch.allclose(torch.tensor(answer.logprobs), expected, atol=1e-4)
