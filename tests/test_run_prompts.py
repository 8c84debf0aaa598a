"""What a run asks is made once, kept as rows, and read from there with what a person changed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from model.config import DistillConfig
from model.errors import ConfigError, InputError, TeacherError
from model.jobs.run_prompts import RunPrompts
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning.run_collector import collect_all
from model.learning.taught_lessons import lesson_from
from model.records import RunId, TripletDraft
from model.teachers.base import TeacherAnswer
from model.teachers.builtin import BuiltinTeacher
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer
from tests.test_collecting import ScriptedTeacher

TOPIC = DistillConfig(
    teacher="ollama",
    teacher_model="llama3.2:1b",
    prompt_source="topic",
    topic="sourdough bread",
    prompts=24,
)
PAIRS = DistillConfig(
    teacher="none",
    prompt_source="own",
    own_prompts=("What is dough?", "What is crust?"),
    own_answers=("Flour and water.", "The hard outside."),
)


class Heard:
    """Listens to a collection."""

    def __init__(self, store: Store | None = None, run: RunId | None = None) -> None:
        self.faults: dict[str, str] = {}
        self.store, self.run = store, run

    def collected(self, answers: int, failures: int) -> None: ...

    def answered(self, key: str) -> None: ...

    def failed(self, key: str, reason: str) -> None:
        if self.store and self.run:
            self.store.add_failure(self.run, key, reason)

    def left_out(self, key: str, reason: str) -> None:
        self.faults[key] = reason
        if self.store and self.run:
            self.store.set_left_out(self.run, key, reason)

    def signal(self) -> str:
        return "go"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    yield store
    store.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "pictures")


def new_run(store: Store, config: DistillConfig) -> RunId:
    return store.create_run(config, config.title).id


def texts(prompts: RunPrompts) -> list[str]:
    return [question.text for question in prompts.questions]


def test_prompts_are_made_once_and_a_second_run_asks_nothing(
    store: Store, pictures: Pictures
) -> None:
    with OllamaServer() as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url)
        first = new_run(store, TOPIC)
        made = texts(RunPrompts(store, pictures, first, teacher))
        asked = len(server.chats())
        assert asked >= 3
        assert texts(RunPrompts(store, pictures, first, teacher)) == made, "a resumed run"
        second = RunPrompts(store, pictures, new_run(store, TOPIC), teacher)
        assert texts(second) == made
        assert len(server.chats()) == asked, "what the teacher said was kept"
    rows = store.kept_prompts(first)
    assert all(row.state == "waiting" and row.draft.origin for row in rows)


def test_made_up_turns_are_kept_too(store: Store, pictures: Pictures) -> None:
    config = DistillConfig(**{**vars(TOPIC), "prompt_method": "magpie", "prompts": 6})
    with OllamaServer() as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url)
        made = texts(RunPrompts(store, pictures, new_run(store, config), teacher))
        asked = len([each for each in server.requests if each.method == "POST"])
        again = texts(RunPrompts(store, pictures, new_run(store, config), teacher))
        assert made == again
        assert len([each for each in server.requests if each.method == "POST"]) == asked


def test_pairs_need_no_teacher(store: Store, pictures: Pictures) -> None:
    run = new_run(store, PAIRS)
    prompts = RunPrompts(store, pictures, run, None)
    assert [prompts.teacher.answer(each).text for each in prompts.questions] == [
        "Flour and water.",
        "The hard outside.",
    ]
    assert [row.state for row in store.kept_prompts(run)] == ["answered", "answered"]
    assert prompts.teacher.status().reachable


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"own_answers": ("Flour.",)}, "1 of 2 prompts have no answer"),
        ({"own_answers": ("a", "b", "c")}, "3 answers to 2 prompts"),
        ({"prompt_source": "topic", "topic": "bread"}, "must come with answers"),
    ],
)
def test_without_a_teacher_every_prompt_needs_an_answer(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        DistillConfig(**{**vars(PAIRS), **changes})  # type: ignore[arg-type]


def test_a_teacher_is_asked_only_for_what_is_not_given(store: Store, pictures: Pictures) -> None:
    config = DistillConfig(**{**vars(PAIRS), "teacher": "builtin", "own_answers": ("Flour.",)})
    teacher = ScriptedTeacher()
    prompts = RunPrompts(store, pictures, new_run(store, config), teacher)
    assert collect_all(config, prompts.teacher, prompts.questions, store, Heard()) == "done"
    assert teacher.asked == {"What is crust?": 1}
    assert [row.answer for row in store.kept_prompts(prompts._run)] == [
        "Flour.",
        "answer to What is crust?",
    ]


def test_what_a_person_changed_is_what_is_learned(store: Store, pictures: Pictures) -> None:
    config = DistillConfig(prompt_source="own", own_prompts=tuple(f"what {n}" for n in range(5)))
    run, teacher = new_run(store, config), ScriptedTeacher()
    first = RunPrompts(store, pictures, run, teacher)
    collect_all(config, first.teacher, first.questions, store, Heard())
    store.drop_prompt(run, 0, True)
    store.rewrite_prompt(run, 1, "what 1", "my own words")
    store.rewrite_prompt(run, 2, "why 2", None)
    assert [row.state for row in store.prompt_page(run).items] == [
        "dropped", "answered", "waiting", "answered", "answered",
    ]  # fmt: skip
    second = RunPrompts(store, pictures, run, teacher)
    assert texts(second) == ["what 1", "why 2", "what 3", "what 4"]
    collect_all(config, second.teacher, second.questions, store, Heard())
    assert teacher.asked["why 2"] == 1
    assert teacher.asked["what 3"] == 1, "kept answers are not asked for again"
    told = {row.draft.text: row.answer for row in store.kept_prompts(run)}
    assert told["what 1"] == "my own words"
    assert told["why 2"] == "answer to why 2"


def test_dropping_everything_is_refused_in_words(store: Store, pictures: Pictures) -> None:
    run = new_run(store, PAIRS)
    RunPrompts(store, pictures, run, None)
    for number in range(2):
        store.drop_prompt(run, number, True)
    with pytest.raises(InputError, match="Every prompt was dropped"):
        RunPrompts(store, pictures, run, None)


def test_failed_and_left_out_answers_are_told_apart(store: Store, pictures: Pictures) -> None:
    def script(text: str, attempt: int) -> str:
        if text == "what 1":
            raise TeacherError("no")
        return "I'm sorry, but no." if text == "what 2" else "A fine answer."

    config = DistillConfig(prompt_source="own", own_prompts=tuple(f"what {n}" for n in range(4)))
    run = new_run(store, config)
    prompts = RunPrompts(store, pictures, run, ScriptedTeacher(script))
    heard = Heard(store, run)
    questions = [prompts.questions[n] for n in (0, 2, 3)]
    collect_all(config, prompts.teacher, questions, store, heard)
    store.add_failure(run, "what 1|0.7|160|0", "The teacher went away.")
    page = store.prompt_page(run)
    assert [(row.state, row.reason) for row in page.items] == [
        ("answered", ""),
        ("failed", "The teacher went away."),
        ("left out", "a refusal"),
        ("answered", ""),
    ]
    assert page.counts == {"waiting": 0, "answered": 2, "failed": 1, "left out": 1, "dropped": 0}
    assert store.left_out(run) == {"a refusal": 1}
    assert [row.n for row in store.prompt_page(run, "left out").items] == [2]
    assert store.prompt_page(run, query="fine").total == 2
    assert store.prompt_page(run, query="100%").total == 0


# ── from the graph ──────────────────────────────────────────────────────────────────────────────


def fill(store: Store, pictures: Pictures) -> None:
    egg, fried = (pictures.add(Image.new("RGB", (40, 40), each)) for each in ("white", "yellow"))
    store.add_triplets(
        [
            TripletDraft("egg", "heat", "fried egg", egg, None, fried),
            TripletDraft("fried egg", "polish", "shiny egg"),
            TripletDraft("egg", "is a kind of", "food"),
        ]
    )


def test_a_graph_asks_about_steps_ways_and_pictures_and_answers_them(
    store: Store, pictures: Pictures
) -> None:
    fill(store, pictures)
    config = DistillConfig(teacher="none", prompt_source="graph", prompts=50)
    run = new_run(store, config)
    prompts = RunPrompts(store, pictures, run, None)
    told = {each.text: prompts.teacher.answer(each).text for each in prompts.questions}
    assert "If you heat an egg, you get a fried egg." in told.values()
    assert "First you get a fried egg, then a shiny egg." in told.values()
    assert "Egg is a kind of food." in told.values()
    assert "This is an egg." in told.values()
    assert "The egg was heated and became a fried egg." in told.values()
    seen = [each for each in prompts.questions if each.pictures]
    assert {each.roles for each in seen} == {(), ("what", "result")}
    step = next(each for each in prompts.questions if "heat" in each.text and len(each.facts) > 1)
    assert "egg | heat | fried egg" in step.facts
    assert "50" in store.run(run).prompt_notes[1]


def test_a_model_reads_the_facts_and_sees_pictures_only_if_it_can(
    store: Store, pictures: Pictures
) -> None:
    fill(store, pictures)
    shown: dict[str, list[bool]] = {}
    with OllamaServer() as server:
        for model in ("llama3.2:1b", "moondream"):
            config = DistillConfig(
                teacher="ollama", teacher_model=model, prompt_source="graph", prompts=50
            )
            teacher = OllamaTeacher(model, server.url)
            prompts = RunPrompts(store, pictures, new_run(store, config), teacher)
            shown[model] = [bool(each.pictures) for each in prompts.questions]
            collect_all(config, prompts.teacher, prompts.questions, store, Heard())
        told = [body["messages"][0]["content"] for body in server.chats()]
    assert not any(shown["llama3.2:1b"])
    assert any(shown["moondream"])
    assert any("only from these facts:\n" in text and "egg | heat | fried egg" in text
               for text in told)  # fmt: skip


def test_the_student_reads_the_facts_and_the_roles_of_the_pictures(
    store: Store, pictures: Pictures
) -> None:
    fill(store, pictures)
    config = DistillConfig(prompt_source="graph", prompts=50)
    prompts = RunPrompts(store, pictures, new_run(store, config), BuiltinTeacher())
    lessons = [lesson_from(each, TeacherAnswer("so")) for each in prompts.questions]
    assert any("egg | heat | fried egg" in lesson.facts for lesson in lessons)
    assert any(lesson.roles == ("what", "result") and len(lesson.images) == 2 for lesson in lessons)


def test_an_empty_graph_is_refused_in_words(store: Store, pictures: Pictures) -> None:
    run = new_run(store, DistillConfig(prompt_source="graph"))
    with pytest.raises(InputError, match="0 triplets"):
        RunPrompts(store, pictures, run, BuiltinTeacher())


def test_drawn_prompts_are_drawn_again_when_a_run_goes_on(store: Store, pictures: Pictures) -> None:
    run = new_run(store, DistillConfig(prompts=6))
    first = RunPrompts(store, pictures, run, BuiltinTeacher()).questions
    again = RunPrompts(store, pictures, run, BuiltinTeacher()).questions
    assert first == again
    assert all(Image.open(io.BytesIO(data)) for each in first for data in each.pictures)
