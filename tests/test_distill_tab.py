from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.config import SHIPPED_STUDENT, DistillConfig
from model.errors import ConfigError, RunError
from model.prompt_records import OwnPrompt
from model.records import Budget, Metric, RunInfo, RunSample, TeacherModel, TeacherStatus
from tests.fakes import FakeBackend
from webapp import prompt_source, run_panel, run_view
from webapp.distill_form import FORM, form_config
from webapp.prompt_file import as_lines, own_pairs, own_prompts
from webapp.run_curves import CurveChoice, chosen_points, plot_table, running_mean
from webapp.run_format import (
    ago,
    budget_html,
    duration,
    gallery_html,
    history_html,
    model_label,
    run_html,
    sample_html,
    teacher_html,
)
from webapp.tabs import distill

HOSTILE = "<img src=x onerror=alert(1)>"
OUTPUTS = (
    "selected",
    "seen",
    "timer",
    "head",
    "pause",
    "resume",
    "keep",
    "discard",
    "retry",
    "look",
    "reopen",
    "use_settings",
    "delete",
    "chat_with",
    "compare_with",
    "curve",
    "plot",
    "plot_note",
    "sample",
    "gallery",
    "log",
    "history",
    "note",
    "beside",
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backend(tmp_path: Path, clock: Clock) -> FakeBackend:
    return FakeBackend(tmp_path, run_s=100.0, clock=clock)


def form(own: str = "", **changes: Any) -> tuple[Any, ...]:
    values = {name: getattr(DistillConfig(), name) for name in FORM} | changes
    return (*[values[name] for name in FORM], own)


def panel(outputs: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(OUTPUTS, outputs, strict=True))


def look(backend: FakeBackend, selected: Any = None, seen: Any = None) -> dict[str, Any]:
    return panel(run_view.view(backend, selected, seen, 8, False, False))


def visible(shown: dict[str, Any]) -> set[str]:
    buttons = ("pause", "resume", "keep", "discard", "delete", "chat_with", "compare_with")
    return {name for name in buttons if shown[name]["visible"]}


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


# ── the form ────────────────────────────────────────────────────────────────────────────────────


def test_the_untouched_form_is_the_default_config() -> None:
    assert form_config(form()) == DistillConfig()


def test_own_prompts_set_the_number_of_prompts() -> None:
    config = form_config(form("a\n\n b \na\nc\nd\ne", prompt_source="own", prompts=200))
    assert config.own_prompts == ("a", "b", "c", "d", "e")
    assert config.prompts == 5


def test_own_prompts_are_not_used_for_a_topic() -> None:
    assert form_config(form("a\nb", prompt_source="topic", topic="bread")).own_prompts == ()


def test_a_list_of_students_that_is_not_loaded_means_the_shipped_one() -> None:
    assert form_config(form(student=None)).student == SHIPPED_STUDENT


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt_source": "own"}, "0 prompts"),
        ({"prompt_source": "topic"}, "topic is empty"),
        ({"teacher": "ollama", "prompt_source": "topic", "topic": "x"}, "teacher model"),
        ({"prompts": 2}, "smallest allowed value is 4"),
        ({"steps": None}, "steps is empty"),
        ({"learning_rate": float("nan")}, "not a number"),
    ],
)
def test_a_form_that_cannot_run_says_why(
    backend: FakeBackend, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        form_config(form(**changes))
    _, error = distill.on_start(backend, *form(**changes))
    assert words in error
    assert backend.runs() == []
    assert words in distill.on_form(backend, *form(**changes))[0]


def test_the_budget_and_the_command_follow_the_form(backend: FakeBackend) -> None:
    budget, command, error = distill.on_form(backend, *form(prompts=40, base="tiny"))
    assert "3.2k" in budget
    assert "wants far more answers" in budget
    assert "--prompts 40" in command
    assert error == ""


def test_start_gives_a_run_that_the_panel_shows(backend: FakeBackend) -> None:
    run, error = distill.on_start(backend, *form(name="egg school"))
    assert error == ""
    assert "egg school" in look(backend, run)["head"]


def test_ollama_offers_no_micro_world_prompts(backend: FakeBackend) -> None:
    server, source = distill.on_teacher(backend, "ollama", "microworld")
    assert server["visible"] is True
    assert source["value"] == "topic"
    assert "microworld" not in [value for _, value in source["choices"]]


def test_a_check_lists_the_models_with_size_and_eyes(backend: FakeBackend) -> None:
    words, models = distill.on_check(backend, "ollama", "")
    assert "Connected." in words
    assert [value for _, value in models["choices"]] == ["llama3.2:1b", "llava:7b"]
    assert "sees pictures ✗" in models["choices"][0][0]
    assert models["value"] == "llama3.2:1b"


def test_a_teacher_that_is_not_there_is_told_in_words(backend: FakeBackend) -> None:
    backend.ollama_up = False
    words, models = distill.on_check(backend, "ollama", "http://10.0.0.9:11434")
    assert "No Ollama server answers at http://10.0.0.9:11434" in words
    assert models["choices"] == []


def test_models_that_cannot_chat_are_not_offered(backend: FakeBackend) -> None:
    embed = TeacherModel("embed", can_chat=False)
    status = TeacherStatus(True, "Connected.", models=(embed,))
    backend.teacher_status = lambda teacher, address="": status  # type: ignore[method-assign]
    assert distill.on_check(backend, "ollama", "")[1]["choices"] == []


def test_the_list_of_students_keeps_the_choice(backend: FakeBackend) -> None:
    assert distill.on_students(backend)["value"] == SHIPPED_STUDENT
    assert distill.on_students(backend, "gone")["value"] == SHIPPED_STUDENT


# ── files of prompts ────────────────────────────────────────────────────────────────────────────


def test_prompts_of_files_are_added_with_their_answers(
    tmp_path: Path, backend: FakeBackend
) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo\none\n", encoding="utf-8")
    pairs = [{"prompt": "three", "answer": "3\nor \\n"}, {"prompt": "zero"}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    text = prompt_source.on_upload(backend, str(tmp_path / "a.txt"), "zero")
    assert text == "zero\none\ntwo"
    text = prompt_source.on_upload(backend, str(tmp_path / "b.jsonl"), text)
    assert text.splitlines() == ["zero", "one", "two", "three\t3\\nor \\\\n"]
    assert own_pairs(text)[-1] == OwnPrompt("three", "3\nor \\n")
    assert as_lines(own_pairs(text)) == text
    config = form_config(form(text, prompt_source="own"))
    assert config.own_answers == ("", "", "", "3\nor \\n")


def test_pairs_can_be_learned_without_a_teacher() -> None:
    config = form_config(form("a\tb\nc\td", teacher="none", prompt_source="own"))
    assert (config.own_prompts, config.own_answers) == (("a", "c"), ("b", "d"))
    with pytest.raises(ConfigError, match="1 of 2 prompts have no answer"):
        form_config(form("a\tb\nc", teacher="none", prompt_source="own"))


def test_repeated_prompts_are_asked_once() -> None:
    assert own_prompts("a\na\n b\n") == ("a", "b")


# ── curves ──────────────────────────────────────────────────────────────────────────────────────


def metric(step: int, value: float, series: str = "train") -> tuple[str, int, float]:
    return (series, step, value)


def test_each_chart_has_its_series_and_another_run_beside() -> None:
    own = [Metric(1, name, 1.0, 0.0) for name in ("train", "learning rate", "student tokens/s")]
    own.append(Metric(1, "cross-entropy", 1.0, 0.0))
    other = [Metric(1, name, 2.0, 0.0) for name in ("train", "validation", "logprobs")]
    shown = {
        chart: [name for name, _, _ in chosen_points(own, other, CurveChoice(chart=chart))]
        for chart in ("loss", "rate", "speed")
    }
    assert shown == {
        "loss": ["train", "cross-entropy", "train, other run", "validation, other run"],
        "rate": ["learning rate"],
        "speed": ["student tokens/s"],
    }
    assert CurveChoice(log=True, chart="speed").title == "tokens/s (log₁₀)"


def test_a_loss_of_zero_is_drawn() -> None:
    table, words = plot_table([metric(1, 1.0), metric(2, 0.0)], smooth=False, log=False)
    assert table == {"step": [1, 2], "loss": [1.0, 0.0], "series": ["train", "train"]}
    assert words == ""


def test_losses_that_are_not_numbers_are_counted_in_words() -> None:
    table, words = plot_table(
        [metric(1, math.nan), metric(2, math.inf), metric(3, 2.0)], smooth=False, log=False
    )
    assert table["step"] == [3]
    assert words.startswith("2 points are not drawn")


def test_the_log_scale_leaves_zero_out_and_says_so() -> None:
    table, words = plot_table([metric(1, 0.0), metric(2, 100.0)], smooth=False, log=True)
    assert table["loss"] == [2.0]
    assert words.startswith("1 points")


def test_smoothing_leaves_the_validation_curve_alone() -> None:
    points = [metric(n, float(n % 2)) for n in range(1, 9)]
    points += [metric(n, float(n % 2), "validation") for n in range(1, 9)]
    table, _ = plot_table(points, smooth=True, log=False)
    losses = dict(zip(zip(table["series"], table["step"], strict=True), table["loss"], strict=True))
    assert losses["validation", 8] == 0.0
    assert 0.3 < losses["train", 8] < 0.7  # type: ignore[operator]


def test_the_running_mean_starts_at_the_first_value() -> None:
    assert running_mean([4.0, 4.0, 4.0]) == pytest.approx([4.0, 4.0, 4.0])


# ── the panel ───────────────────────────────────────────────────────────────────────────────────


def test_a_reload_attaches_to_the_newest_open_run(backend: FakeBackend, clock: Clock) -> None:
    old = backend.start_run(DistillConfig(name="old"))
    backend.stop_run(backend.start_run(DistillConfig(name="newer")), keep=True)
    clock.now += 30
    shown = panel(run_panel.on_load(backend))
    assert shown["selected"] == old
    assert shown["timer"].active is True
    assert "step 60 of 200" in shown["head"]


def test_two_browsers_see_the_same_run(backend: FakeBackend, clock: Clock) -> None:
    backend.start_run(DistillConfig())
    clock.now += 40
    first, second = panel(run_panel.on_load(backend)), panel(run_panel.on_load(backend))
    assert first["head"] == second["head"]
    assert first["plot"]["value"].equals(second["plot"]["value"])


def test_nothing_runs_so_nothing_is_polled(backend: FakeBackend) -> None:
    shown = panel(run_panel.on_load(backend))
    assert shown["timer"].active is False
    assert "No run yet" in shown["head"]
    assert visible(shown) == set()


def test_an_unchanged_curve_is_not_sent_again(backend: FakeBackend, clock: Clock) -> None:
    run = backend.start_run(DistillConfig())
    clock.now += 20
    shown = look(backend, run)
    again = look(backend, run, shown["seen"])
    assert again["plot"] == gr.skip()
    clock.now += 20
    assert "value" in look(backend, run, shown["seen"])["plot"]


def test_each_state_has_its_buttons(backend: FakeBackend, clock: Clock) -> None:
    run = backend.start_run(DistillConfig())
    assert visible(look(backend, run)) == {"pause", "keep", "discard"}
    backend.pause_run(run)
    assert visible(look(backend, run)) == {"resume", "keep", "discard"}
    backend.fakes.change(run, state="interrupted")
    shown = look(backend, run)
    assert visible(shown) == {"resume", "keep", "discard"}
    assert "Resume goes on where it was" in shown["head"]
    backend.resume_run(run)
    clock.now += 200
    assert visible(look(backend, run)) == {"delete", "chat_with", "compare_with"}


def test_a_failed_run_shows_its_words(backend: FakeBackend) -> None:
    run = backend.start_run(DistillConfig())
    backend.fakes.change(run, state="failed", message="The disk is full: 3 MB left.")
    shown = look(backend, run)
    assert "The disk is full: 3 MB left." in shown["head"]
    assert visible(shown) == {"delete"}


def test_pause_resume_and_keep_reach_the_run(backend: FakeBackend, clock: Clock) -> None:
    run = backend.start_run(DistillConfig())
    clock.now += 10
    rest = (None, 8, False, False)
    run_panel.on_pause(backend, run, *rest)
    assert backend.run(run).state == "paused"
    run_panel.on_resume(backend, run, *rest)
    assert backend.run(run).state == "running"
    run_panel.on_keep(backend, run, *rest)
    assert backend.run(run).student is not None


def test_discard_and_delete_ask_first(backend: FakeBackend) -> None:
    run = backend.start_run(DistillConfig())
    question, confirm, words, _ = run_panel.on_ask(backend, run, kind="discard")
    assert confirm["visible"] is True
    assert "throw away" in words
    assert backend.run(run).state == "running"
    run_panel.on_yes(backend, question, run, None, 8, False, False)
    assert backend.run(run).state == "cancelled"
    question, *_ = run_panel.on_ask(backend, run, kind="delete")
    run_panel.on_yes(backend, question, run, None, 8, False, False)
    assert backend.runs() == []


@pytest.mark.parametrize("kind", ["discard", "delete"])
def test_yes_is_about_the_run_that_was_asked_about(backend: FakeBackend, kind: str) -> None:
    asked = backend.start_run(DistillConfig(name=f"egg {HOSTILE}"))
    question, _, words, _ = run_panel.on_ask(backend, asked, kind=kind)
    assert "“egg &lt;img" in words
    other = backend.start_run(DistillConfig())
    shown = run_panel.on_yes(backend, question, other, None, 8, False, False)
    assert shown[0] is None, "a second press does nothing"
    assert backend.run(other).state == "running"
    left = {run.id: run.state for run in backend.runs()}
    assert left.get(asked) == (None if kind == "delete" else "cancelled")
    run_panel.on_yes(backend, None, other, None, 8, False, False)
    assert backend.run(other).state == "running"


def test_a_run_deleted_elsewhere_gives_way_to_another(backend: FakeBackend) -> None:
    other = backend.start_run(DistillConfig())
    run = backend.start_run(DistillConfig())
    backend.delete_run(run)
    assert look(backend, run)["selected"] == other
    with pytest.raises(RunError):
        run_panel.on_pause(backend, run, None, 8, False, False)


def test_history_shows_a_page_of_runs_and_more_on_demand(backend: FakeBackend) -> None:
    for number in range(12):
        backend.start_run(DistillConfig(name=f"run {number}"))
    shown = panel(run_panel.on_load(backend))
    assert shown["history"].count("data-run") == 8
    assert "Show older runs (4)" in shown["history"]
    limit, _, *rest = run_panel.on_history(
        backend, event(more="1", run=""), None, None, 8, False, False
    )
    assert limit > 12
    assert panel(tuple(rest))["history"].count("data-run") == 12


def test_two_runs_can_be_drawn_together(backend: FakeBackend, clock: Clock) -> None:
    first = backend.start_run(DistillConfig(name="first"))
    second = backend.start_run(DistillConfig(name="second"))
    clock.now += 40
    shown = panel(run_view.view(backend, second, None, 8, False, False, "loss", first))
    assert ("first · 80 steps", first) in shown["beside"]["choices"]
    assert second not in [value for _, value in shown["beside"]["choices"]]
    series = set(shown["plot"]["value"]["series"])
    assert series == {"train", "validation", "train, other run", "validation, other run"}
    gone = panel(run_view.view(backend, second, None, 8, False, False, "loss", "gone"))
    assert set(gone["plot"]["value"]["series"]) == {"train", "validation"}


def test_samples_over_time_stand_prompt_by_prompt_in_their_order() -> None:
    samples = [RunSample(step, prompt, "t", f"s{step}") for step, prompt in
               ((40, "b"), (30, "a"), (20, "b"), (10, "a"))]  # fmt: skip
    markup = gallery_html(samples)
    assert markup.index("<b>b</b>") < markup.index("<b>a</b>")
    assert markup.index("s20") < markup.index("s40")
    assert markup.index("s10") < markup.index("s30")


def test_a_note_is_kept_and_shown_and_typing_is_not_overwritten(backend: FakeBackend) -> None:
    run = backend.start_run(DistillConfig())
    first = look(backend, run)
    assert first["note"] == ""
    assert look(backend, run, first["seen"])["note"] == gr.skip()
    run_panel.on_note(backend, run, HOSTILE)
    again = look(backend, run, first["seen"])
    assert again["note"] == HOSTILE
    assert "itr-run-note" in again["history"]
    assert "<img src=x" not in again["history"]


def test_collected_answers_wait_for_a_look(backend: FakeBackend) -> None:
    run = backend.start_run(DistillConfig(after_collecting="look"))
    backend.fakes.change(run, state="collected", failed_answers=2, prompt_notes=(HOSTILE,))
    shown = look(backend, run)
    assert "waiting for your look" in shown["head"]
    assert "<img src=x" not in shown["head"]
    assert shown["resume"]["value"] == "Train now"
    assert all(shown[name]["visible"] for name in ("look", "resume", "retry", "discard"))
    rest = (None, 8, False, False)
    assert panel(run_panel.on_retry(backend, run, *rest))["retry"]["visible"] is False
    run_panel.on_resume(backend, run, *rest)
    assert backend.run(run).state == "running"


def test_a_finished_runs_prompts_are_changed_in_a_copy(backend: FakeBackend, clock: Clock) -> None:
    run = backend.start_run(DistillConfig())
    clock.now += 200
    assert look(backend, run)["reopen"]["visible"] is True
    copy = panel(run_panel.on_reopen(backend, run, None, 8, False, False))
    assert copy["selected"] != run
    assert copy["look"]["visible"] is True


def test_a_click_on_a_run_selects_it_and_a_made_up_one_does_not(backend: FakeBackend) -> None:
    old = backend.start_run(DistillConfig())
    new = backend.start_run(DistillConfig())
    _, _, *rest = run_panel.on_history(backend, event(run=old), new, None, 8, False, False)
    assert rest[0] == old
    _, _, *rest = run_panel.on_history(backend, event(run="../x"), new, None, 8, False, False)
    assert rest[0] == new


def test_hostile_words_are_escaped(backend: FakeBackend) -> None:
    run = backend.start_run(DistillConfig(name=HOSTILE))
    info: RunInfo = replace(backend.run(run), message=HOSTILE, stage=HOSTILE)
    sample = RunSample(1, HOSTILE, HOSTILE, HOSTILE)
    status = TeacherStatus(True, HOSTILE, version=HOSTILE, models=(TeacherModel(HOSTILE),))
    budget = Budget(1, 2, 3.0, 4.0, HOSTILE, (HOSTILE,))
    for markup in (
        run_html(info),
        history_html([info], None, 8, 0.0),
        sample_html([sample], backend.thumbnail),
        teacher_html(status),
        budget_html(budget),
    ):
        assert "<img src=x" not in markup


def test_times_and_names_are_for_people() -> None:
    assert [duration(s) for s in (45, 420, 7500)] == ["45 s", "7 min", "2 h 5 min"]
    assert ago(0, 10) == "just now"
    assert ago(0, 86400 * 3) == "3 days ago"
    label = model_label(TeacherModel("llava:7b", 4_733_363_377, "7B", "Q4_0", True))
    assert label == "llava:7b · 7B · 4.7 GB · sees pictures ✓"


# ── the page ────────────────────────────────────────────────────────────────────────────────────


def props(backend: FakeBackend, **options: Any) -> dict[str, dict[str, Any]]:
    with gr.Blocks() as page:
        distill.build(lambda request: backend, **options)
    parts = (part["props"] for part in page.config["components"])
    return {part["elem_id"]: part for part in parts if part.get("elem_id")}


def test_visitors_of_a_shared_app_cannot_choose_the_teachers_address(backend: FakeBackend) -> None:
    assert "distill-address" in props(backend)
    assert "distill-address" not in props(backend, multi_user=True)


def test_the_tab_has_the_ids_that_other_parts_rely_on(backend: FakeBackend) -> None:
    wanted = {"teacher", "start", "plot", "pause", "resume", "keep", "discard", "run", "history"}
    assert {f"distill-{name}" for name in wanted} <= set(props(backend))


def test_the_panels_outputs_are_in_the_order_of_a_view(backend: FakeBackend) -> None:
    with gr.Blocks():
        drawn = run_panel.draw_panel()
    assert drawn.outputs == [getattr(drawn, name) for name in OUTPUTS]
