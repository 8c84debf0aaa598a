from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from model.bundles.bundle import FAMILIAR_THRESHOLD, Card
from model.config import SHIPPED_STUDENT, DistillConfig, SampleConfig
from model.errors import BundleError, ConfigError, InputError, ReasonerError
from model.jobs.learners import make_learner
from model.knowledge.store import Store
from model.model import ImageTokenReasoningLLM
from model.paths import database
from model.records import ROLES, StudentId, TripletDraft, Turn
from model.serving.students import SHIPPED_SETTING
from model.workspace import Workspace
from tests.small import make_student, picture
from webapp.graph_backend import GraphBackend

LIMIT_S = 60.0
SHORT = SampleConfig(max_tokens=6)


@pytest.fixture(scope="module")
def shipped(tiny_student: ImageTokenReasoningLLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "student"
    tiny_student.save(path)
    return path


@pytest.fixture
def workspace(shipped: Path, tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path / "workspace", shipped=shipped)
    yield workspace
    workspace.close()


def _ready(workspace: Workspace) -> None:
    deadline = time.monotonic() + LIMIT_S
    while workspace.student().state == "loading":
        assert time.monotonic() < deadline
    assert workspace.student().state == "ready", workspace.student().message


def _text(workspace: Workspace, *turns: Turn) -> str:
    events = workspace.answer(turns, SHORT).events()
    return "".join(event.text for event in events if event.kind == "token")


def test_a_new_workspace_holds_the_example_graph(workspace: Workspace) -> None:
    deadline = time.monotonic() + LIMIT_S
    while workspace.triplets().total == 0:
        assert time.monotonic() < deadline
    found = workspace.triplets("fried egg").items[0]
    assert found.source == "example"
    assert all(picture is not None for picture in found.pictures)
    assert workspace.graph("egg", hops=1).nodes


def test_examples_come_with_three_pictures_each(workspace: Workspace) -> None:
    examples = workspace.examples()
    assert len(examples) >= 12
    for example in examples:
        pictures = (
            example.draft.subject_picture,
            example.draft.relation_picture,
            example.draft.object_picture,
        )
        assert len(pictures) == len(ROLES)
        assert all(picture and workspace.picture_path(picture).is_file() for picture in pictures)


def test_the_student_describes_and_answers(workspace: Workspace) -> None:
    _ready(workspace)
    red = workspace.add_picture(picture("red"))
    description = workspace.describe(red)
    assert description.sentence
    assert 0 < description.confidence < 1
    events = list(workspace.answer([Turn("user", "What is this?", (red,))], SHORT).events())
    assert events[-1].kind == "done"
    assert events[-2].stats is not None
    info = workspace.student().info
    assert info is not None
    assert events[-2].stats.weights_hash == info.weights_hash


def test_an_answer_names_the_facts_that_it_was_given(workspace: Workspace) -> None:
    saved = workspace.add_triplet(TripletDraft("lamp", "polish", "mirror"))
    turn = Turn("user", "What happens if I polish a lamp?")
    events = list(workspace.answer([turn], SHORT).events())
    assert [e.fact.triplet for e in events if e.fact] == [saved.id]
    without = replace(SHORT, use_graph=False)
    assert not any(event.fact for event in workspace.answer([turn], without).events())


def test_a_saved_picture_goes_by_its_label(workspace: Workspace) -> None:
    red = workspace.add_picture(picture("red"))
    workspace.add_triplet(TripletDraft("gizmo", "polish", "mirror", subject_picture=red))
    events = workspace.answer([Turn("user", "What if I polish it?", (red,))], SHORT).events()
    assert [event.fact.subject for event in events if event.fact] == ["gizmo"]


def test_no_question_no_answer(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="no question"):
        workspace.answer([], SHORT)


def test_students_are_listed_chosen_and_deleted(
    workspace: Workspace, tiny_student: ImageTokenReasoningLLM, shipped: Path
) -> None:
    mine = StudentId("mine-1")
    tiny_student.save(workspace.folder / "students" / mine)
    (workspace.folder / "students" / "broken").mkdir()
    assert [info.id for info in workspace.students()] == [SHIPPED_STUDENT, mine]
    workspace.use_student(mine)
    _ready(workspace)
    assert workspace.student().info == workspace.students()[1]
    with pytest.raises(BundleError, match="answering now"):
        workspace.delete_student(mine)
    again = Workspace(workspace.folder, shipped=shipped)
    assert again.student().info == workspace.students()[1], "the choice survives a restart"
    again.close()
    workspace.use_student(StudentId(SHIPPED_STUDENT))
    workspace.delete_student(mine)
    assert len(workspace.students()) == 1
    with pytest.raises(BundleError, match="belongs to the app"):
        workspace.delete_student(StudentId(SHIPPED_STUDENT))


@pytest.mark.parametrize("name", ["../outside", "/etc", ".hidden", "nobody"])
def test_a_student_is_a_folder_of_the_workspace_and_nothing_else(
    workspace: Workspace, name: str
) -> None:
    with pytest.raises(BundleError):
        workspace.use_student(StudentId(name))
    with pytest.raises(ReasonerError):
        workspace.delete_student(StudentId(name))
    with pytest.raises(BundleError):
        workspace.start_run(DistillConfig(student=name))


def test_a_broken_shipped_student_is_told_in_words(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", shipped=tmp_path / "nothing")
    status = workspace.student()
    assert status.state == "failed"
    assert "config.json is missing" in status.message
    workspace.close()


def test_an_operators_teacher_cannot_be_changed_by_a_visitor(shipped: Path, tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path / "workspace", shipped=shipped, teacher_address="http://127.0.0.1:9"
    )
    status = workspace.teacher_status("ollama", "http://127.0.0.1:1")
    assert not status.reachable
    assert "127.0.0.1:9" in status.message
    config = DistillConfig(
        teacher="ollama",
        teacher_model="x",
        prompt_source="topic",
        topic="t",
        address="http://127.0.0.1:1",
    )
    assert "127.0.0.1:9" in workspace.command(config)
    workspace.close()


def test_the_command_names_what_differs_from_the_defaults(workspace: Workspace) -> None:
    config = DistillConfig(prompts=77, prompt_source="own", own_prompts=("a b", "c"))
    command = workspace.command(config)
    assert command.startswith("python -m model.scripts.create_pretrained_model ")
    assert "--prompts 77" in command
    assert "--own-prompts 'a b' --own-prompts c" in command
    assert "--steps" not in command


def test_a_budget_is_said_before_the_start(workspace: Workspace) -> None:
    scratch = workspace.budget(DistillConfig(base="tiny", prompts=500))
    assert scratch.wanted_tokens > 50 * scratch.answer_tokens
    assert "not facts" in scratch.advice
    often = workspace.budget(DistillConfig(prompts=4, steps=100))
    assert any("400 times" in words for words in often.warnings)
    seldom = workspace.budget(DistillConfig(prompts=1000, steps=10))
    assert any("63 steps" in words for words in seldom.warnings)


def test_contradictions_are_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="No teacher model"):
        DistillConfig(teacher="ollama", prompt_source="topic", topic="x")
    with pytest.raises(ConfigError, match="0 prompts"):
        DistillConfig(prompt_source="own")
    with pytest.raises(ConfigError, match="topic is empty"):
        DistillConfig(prompt_source="topic", topic=" ")
    with pytest.raises(ConfigError, match="steps is 0; the smallest allowed value is 1"):
        DistillConfig(steps=0)
    with pytest.raises(ConfigError, match="choose one of: continue, tiny, small"):
        DistillConfig(base="huge")  # type: ignore[arg-type]


# ── pictures that nobody taught ─────────────────────────────────────────────────────────────────


@pytest.fixture
def wary(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose student finds every picture unfamiliar that is not in the graph."""
    student = make_student(seed=0)
    student.card = Card(name="wary", figures={FAMILIAR_THRESHOLD: 1.1})
    student.save(tmp_path / "wary")
    workspace = Workspace(tmp_path / "workspace", shipped=tmp_path / "wary")
    yield workspace
    workspace.close()


def test_a_picture_like_nothing_known_is_said_to_be_so(wary: Workspace) -> None:
    red = wary.add_picture(picture("red"))
    description = wary.describe(red)
    assert (description.familiar, description.label) == (False, "")
    question = Turn("user", "What is this?", (red,))
    events = list(wary.answer([question], SHORT).events())
    assert events[0].text.startswith("I have not seen anything like this.")
    assert [event.kind for event in events] == ["token", "stats", "done"]
    egg = wary.examples()[0].draft.subject_picture
    assert egg is not None
    wary.add_triplet(TripletDraft("egg", "roll", "rolled egg", egg))
    two = Turn("user", "What happened?", (egg, red))
    assert "The second picture is new to me." in _text(wary, two)


def test_a_picture_of_the_graph_is_never_refused(wary: Workspace) -> None:
    red = wary.add_picture(picture("red"))
    wary.add_triplet(TripletDraft("red card", "turn", "blue card", red))
    assert wary.describe(red).familiar
    assert "not seen" not in _text(wary, Turn("user", "What is this?", (red,)))


def test_the_outcome_is_imagined_as_the_nearest_picture_of_the_graph(workspace: Workspace) -> None:
    _ready(workspace)
    question = Turn("user", "What happens if I heat an egg?")
    found = workspace.expect(question)
    assert found is not None
    assert workspace.picture_path(found.picture).is_file()
    assert -1 <= found.similarity <= 1
    assert workspace.expect(question) == found


def test_a_run_starts_from_the_student_that_the_app_was_started_with(wary: Workspace) -> None:
    store = Store(database(wary.folder))
    shipped = Path(store.setting(SHIPPED_SETTING) or "")
    learner = make_learner(DistillConfig(), wary.folder, shipped)
    store.close()
    assert learner.card.name == "wary"
    with pytest.raises(BundleError, match="not the name of a student"):
        make_learner(DistillConfig(student="../shipped"), wary.folder, shipped)


def test_the_workspace_offers_all_that_the_tabs_may_ask_of_the_graph() -> None:
    asked = {name for name in vars(GraphBackend) if not name.startswith("_")}
    for name in asked:
        wanted = inspect.signature(getattr(GraphBackend, name)).parameters
        given = inspect.signature(getattr(Workspace, name)).parameters
        assert [(each.name, each.kind, each.default) for each in wanted.values()] == [
            (each.name, each.kind, each.default) for each in given.values()
        ], name


def test_a_graph_is_imported_cleaned_up_and_carried_away(
    workspace: Workspace, tmp_path: Path
) -> None:
    before = workspace.graph_statistics()
    table = tmp_path / "kb.csv"
    table.write_text("what,action,result\nglider,lands on,runway\nGliders,tow,runway\n,x,y\n")
    assert (workspace.preview_import(table).good, workspace.graph_statistics()) == (2, before)
    result = workspace.import_graph(table)
    assert (result.added, result.left_out) == (2, 1)
    (pair,) = (each for each in workspace.duplicates() if "lider" in each.first.label)
    assert workspace.graph_statistics().duplicates == before.duplicates + 1
    workspace.merge_nodes(pair.first.id, [pair.second.id])
    after = workspace.graph_statistics()
    assert (after.nodes, after.edges) == (before.nodes + 2, before.edges + 2)
    path = workspace.export_graph("csv")
    assert path.is_relative_to(workspace.folder)
    assert "lands on" in path.read_text(encoding="utf-8-sig")
    workspace.undo()
    workspace.undo()
    assert workspace.graph_statistics() == before


def test_pictures_that_look_alike_propose_their_nodes(workspace: Workspace) -> None:
    _ready(workspace)
    one = picture("red")
    other = one.copy()
    other.putpixel((0, 0), (1, 2, 3))
    for image, label in ((one, "crimson"), (other, "scarlet")):
        workspace.add_triplet(TripletDraft(label, "is", "a colour", workspace.add_picture(image)))
    workspace.duplicates()  # starts the comparison
    workspace._twins.wait()
    found = {
        frozenset((each.first.label, each.second.label)): each for each in workspace.duplicates(999)
    }
    pair = found[frozenset(("crimson", "scarlet"))]
    assert "look alike" in pair.why
    workspace.refuse_duplicate(pair.first.id, pair.second.id)
    assert (pair.first.id, pair.second.id) not in {
        (each.first.id, each.second.id) for each in workspace.duplicates(999)
    }
