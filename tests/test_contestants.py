"""The real sides: a student in its engine, the oracle, and a model on the test server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from model.compare_records import BUILTIN_SIDE, OLLAMA, CompareConfig, CompareTask, Comparison
from model.comparing.prompt_sets import drawn_task
from model.comparing.sides import Sides
from model.config import SampleConfig
from model.errors import BundleError, TeacherModelMissing, TeacherUnavailable
from model.learning.answering import likelihoods
from model.learning.examples import Lesson
from model.model import ImageTokenReasoningLLM
from model.records import Answer, Event
from model.workspace import Workspace
from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults
from tests.small import picture

SHORT = SampleConfig(max_tokens=6)
LLAMA = f"{OLLAMA}llama3.2:1b"


@pytest.fixture(scope="module")
def workspace(
    tiny_student: ImageTokenReasoningLLM, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("sides")
    tiny_student.save(folder / "student")
    workspace = Workspace(folder / "workspace", shipped=folder / "student")
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as server:
        yield server


@pytest.fixture
def sides(workspace: Workspace) -> Sides:
    found = workspace.comparing()._sides
    assert isinstance(found, Sides)
    return found


def text(answer: Answer) -> tuple[str, Event]:
    events = list(answer.events())
    return "".join(e.text for e in events if e.kind == "token"), events[-1]


def compared(workspace: Workspace, config: CompareConfig) -> Comparison:
    comparing = workspace.comparing()
    *_, last = comparing.states(comparing.start(config))
    return last


def test_a_student_says_what_a_text_costs_it(
    sides: Sides, workspace: Workspace, tiny_student: ImageTokenReasoningLLM
) -> None:
    tasks = [CompareTask("What is this?"), CompareTask("Why?", facts=("egg | heat | fried egg",))]
    texts = ["An egg.", "Because it is hot there."]
    found = sides.contestant("shipped", "").losses(tasks, texts)  # type: ignore[arg-type]
    assert found is not None
    lessons = [Lesson(t.prompt, said, facts=t.facts) for t, said in zip(tasks, texts, strict=True)]
    saved = ImageTokenReasoningLLM.load_from_bundle(workspace._students.path("shipped"))  # type: ignore[arg-type]
    expected = likelihoods(saved, lessons)
    for loss, mean in zip(found, expected.tolist(), strict=True):
        assert loss is not None
        assert loss.nats / loss.tokens == pytest.approx(-mean, rel=1e-4)


def test_a_reference_that_does_not_fit_the_window_costs_nothing_and_the_others_stay(
    sides: Sides,
) -> None:
    side = sides.contestant("shipped", "")  # type: ignore[arg-type]
    # the window is of 512 tokens, half of which an answer may take
    tasks = [CompareTask("Why?"), CompareTask("Why? " * 200), CompareTask("What is this?")]
    found = side.losses(tasks, ["It is hot.", "egg " * 300, "An egg."])
    alone = side.losses([tasks[0], tasks[2]], ["It is hot.", "An egg."])
    assert found is not None
    assert alone is not None
    assert found[1] is None
    for loss, expected in zip((found[0], found[2]), alone, strict=True):
        assert loss is not None
        assert expected is not None
        assert loss.tokens == expected.tokens
        assert loss.nats == pytest.approx(expected.nats, rel=1e-4)


def test_a_drawn_question_is_asked_with_its_own_facts(sides: Sides, workspace: Workspace) -> None:
    task = next(
        task
        for number in range(40)
        if (task := drawn_task(number, workspace._pictures)).facts and task.pictures
    )
    answer = sides.contestant("shipped", "").answer(task, SHORT)  # type: ignore[arg-type]
    told = [event.fact.line for event in answer.events() if event.fact]
    assert told == list(task.facts)


def test_a_model_on_ollama_streams_and_names_its_digest(sides: Sides, server: OllamaServer) -> None:
    side = sides.contestant(LLAMA, server.url)  # type: ignore[arg-type]
    task = CompareTask("Explain bread.", facts=("dough | bake | bread",))
    events = list(side.answer(task, replace(SHORT, max_tokens=50, seed=3)).events())
    pieces = [event.text for event in events if event.kind == "token"]
    assert len(pieces) > 1
    (stats,) = [event.stats for event in events if event.stats]
    model = server.find("llama3.2:1b")
    assert model is not None
    assert stats.weights_hash == side.info.weights_hash
    assert side.info.weights_hash
    assert stats.tokens == len(pieces)
    body = server.chats()[-1]
    assert "dough | bake | bread" in body["messages"][0]["content"]
    assert body["options"]["seed"] == 3
    assert side.losses([task], ["x"]) is None


def test_a_cancelled_answer_of_a_teacher_is_told_as_cancelled(
    sides: Sides, server: OllamaServer
) -> None:
    answer = sides.contestant(LLAMA, server.url).answer(CompareTask("Why?"), SHORT)  # type: ignore[arg-type]
    seen = []
    for event in answer.events():
        seen.append(event)
        answer.cancel()
    (stats,) = [event.stats for event in seen if event.stats]
    assert stats.stopped_by == "cancelled"
    assert len([event for event in seen if event.kind == "token"]) == 1
    assert seen[-1].kind == "done"


def test_an_answer_that_breaks_off_is_told_in_words(sides: Sides) -> None:
    with OllamaServer(faults=Faults(cut_after=1)) as broken:
        answer = sides.contestant(LLAMA, broken.url).answer(CompareTask("Why?"), SHORT)  # type: ignore[arg-type]
        _, last = text(answer)
    assert last.kind == "error"
    assert "cut off" in last.text


def test_pictures_for_a_blind_model_are_told_in_words(
    sides: Sides, workspace: Workspace, server: OllamaServer
) -> None:
    task = CompareTask("What is this?", (workspace.add_picture(picture("red")),))
    _, last = text(sides.contestant(LLAMA, server.url).answer(task, SHORT))  # type: ignore[arg-type]
    assert last.kind == "error"


def test_who_is_not_there_is_told_before_anything_is_asked(
    sides: Sides, server: OllamaServer
) -> None:
    with pytest.raises(TeacherModelMissing, match="ollama pull nobody"):
        sides.contestant(f"{OLLAMA}nobody", server.url)  # type: ignore[arg-type]
    with pytest.raises(TeacherModelMissing):
        sides.judge("nobody", server.url)
    with pytest.raises(TeacherUnavailable):
        sides.contestant(LLAMA, "127.0.0.1:9")  # type: ignore[arg-type]
    with pytest.raises(BundleError):
        sides.contestant("nobody", "")  # type: ignore[arg-type]


def test_a_student_a_model_and_the_oracle_side_by_side(
    workspace: Workspace, server: OllamaServer
) -> None:
    last = compared(
        workspace,
        CompareConfig(
            sides=("shipped", LLAMA, BUILTIN_SIDE),
            address=server.url,
            prompts=("What happens if I heat an egg?", "Why?"),
            sampling=SHORT,
        ),
    )
    assert (last.state, last.answered) == ("done", 6)
    assert last.reference == "the answers of B, llama3.2:1b"
    oracle = last.answers(2)[0]
    assert oracle is not None
    assert "fried egg" in oracle.text
    # six tokens of the model are cut off: it says so
    assert {a.stopped_by for a in last.answers(1) if a} == {"length"}
