"""Distill: choose a teacher, prompts, a student and a budget; start, and watch the loss fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.config import DistillConfig
from model.errors import ReasonerError
from model.records import REMOTE
from webapp.backend import Backend, Door
from webapp.config_form import draw_knobs
from webapp.distill_form import ADVANCED, form_config
from webapp.formatting import error_html, muted_html, student_words
from webapp.prompt_source import (
    TEACHERS,
    PromptSource,
    draw_source,
    sources_for,
    wire_source,
)
from webapp.run_format import budget_html, model_label, teacher_html
from webapp.run_panel import RunPanel, draw_panel, on_started, wire_panel
from webapp.settings_panel import SettingsPanel, draw_settings, wire_settings
from webapp.trial_panel import TrialPanel, draw_trial, wire_trial
from webapp.widgets import QUIET, Wire, bind, knob_widget

_SHOW_RUN = """() => {
    const run = document.querySelector('#distill-run');
    if (window.innerWidth <= 720 && run) run.scrollIntoView({block: 'center'});
}"""

AFTER = [("Train at once", "train"), ("Let me look at the answers first", "look")]
BASES = [
    ("Continue with a student", "continue"),
    ("Tiny, from scratch", "tiny"),
    ("Small, from scratch", "small"),
    ("On a pretrained model", "pretrained"),
]


@dataclass(frozen=True)
class DistillTab:
    """What other tabs may reach: the selected run, and the two ways on from it."""

    selected: gr.State
    chat_with: gr.Button
    compare_with: gr.Button
    reload: Wire


@dataclass(frozen=True)
class _Teacher:
    kind: gr.Radio
    server: gr.Column
    address: gr.Textbox | gr.State
    check: gr.Button
    status: gr.HTML
    model: gr.Dropdown


@dataclass(frozen=True)
class _Student:
    base: gr.Radio
    student: gr.Dropdown
    decoder: gr.Textbox
    name: gr.Textbox


@dataclass(frozen=True)
class _Budget:
    steps: gr.Number
    after: gr.Radio
    words: gr.HTML
    advanced: list[Any]
    command: gr.Code
    trial: TrialPanel
    error: gr.HTML
    files: SettingsPanel


def build(door: Door, *, multi_user: bool = False) -> DistillTab:
    """Draw the tab inside the current one, and wire it.

    ``multi_user``: teachers' addresses come from the operator, so there is no field for one.
    """
    with gr.Row(elem_classes="itr-distill", equal_height=False):
        with gr.Column(scale=1, min_width=320):
            teacher = _draw_teacher(multi_user)
            prompts = _draw_prompts()
            student = _draw_student()
            budget = _draw_budget()
        with gr.Column(scale=1, min_width=320):
            panel = draw_panel()
    _wire_teacher(door, teacher, prompts)
    wire_source(door, prompts)
    reload = _wire_student(door, student)
    _wire_budget(door, teacher, prompts, student, budget, panel)
    wire_panel(door, panel)
    return DistillTab(panel.selected, panel.chat_with, panel.compare_with, reload)


# ── drawing ─────────────────────────────────────────────────────────────────────────────────────


def _step(number: int, title: str) -> None:
    gr.HTML(f'<h3 class="itr-step"><span class="itr-step-number">{number}</span> {title}</h3>')


def _draw_teacher(multi_user: bool) -> _Teacher:
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        _step(1, "Teacher")
        kind = gr.Radio(TEACHERS, value="builtin", show_label=False, elem_id="distill-teacher")
        with gr.Column(visible=False, elem_classes="itr-server") as server:
            address = _draw_address(multi_user)
            check = gr.Button("Check connection", size="sm", elem_id="distill-check")
            status = gr.HTML(elem_id="distill-teacher-status", elem_classes="itr-optional")
            model = gr.Dropdown(
                choices=[], label="Model", allow_custom_value=True, elem_id="distill-model"
            )
    return _Teacher(kind, server, address, check, status, model)


def _draw_address(multi_user: bool) -> gr.Textbox | gr.State:
    # Other clients than the page can set a hidden text box, but not a state.
    if multi_user:
        return gr.State("")
    return gr.Textbox(
        label="Address",
        placeholder="http://127.0.0.1:11434",
        info="Empty means OLLAMA_HOST, else this computer.",
        elem_id="distill-address",
    )


def _draw_prompts() -> PromptSource:
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        _step(2, "Prompts")
        return draw_source()


def _draw_student() -> _Student:
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        _step(3, "Student")
        base = gr.Radio(BASES, value="continue", show_label=False, elem_id="distill-base")
        student = gr.Dropdown(choices=[], label="Student", elem_id="distill-student")
        decoder = gr.Textbox(
            label="Model",
            placeholder="HuggingFaceTB/SmolLM2-135M-Instruct",
            info="A Llama, Qwen2 or Qwen3: its name on the Hub, or a folder. Downloaded once.",
            visible=False,
            elem_id="distill-decoder",
        )
        name = gr.Textbox(
            label="Name of the new student",
            placeholder="made from the topic",
            max_length=80,
            elem_id="distill-name",
        )
    return _Student(base, student, decoder, name)


def _draw_budget() -> _Budget:
    with gr.Column(elem_classes=["itr-panel", "itr-form"]):
        _step(4, "Budget")
        steps = knob_widget(DistillConfig, "steps", label="Steps", elem_id="distill-steps")
        words = gr.HTML(elem_id="distill-budget")
        with gr.Accordion("Advanced", open=False):
            advanced = draw_knobs(DistillConfig, ADVANCED, "distill")
        with gr.Accordion("The command that does this", open=False):
            command = gr.Code(
                language="shell", show_label=False, interactive=False, elem_id="distill-command"
            )
        files = draw_settings()
        after = gr.Radio(AFTER, value="train", show_label=False, elem_id="distill-after")
        error = gr.HTML(elem_id="distill-error", elem_classes="itr-optional")
        trial = draw_trial()
    return _Budget(steps, after, words, advanced, command, trial, error, files)


# ── wiring ──────────────────────────────────────────────────────────────────────────────────────


def _wire_teacher(door: Door, teacher: _Teacher, prompts: PromptSource) -> None:
    found = [teacher.status, teacher.model]
    asked = [teacher.kind, teacher.address, teacher.model]
    teacher.kind.change(
        bind(door, on_teacher),
        [teacher.kind, prompts.source],
        [teacher.server, prompts.source],
        **QUIET,
    ).then(bind(door, on_check), asked, found, **QUIET)
    typed = [teacher.address.submit] if isinstance(teacher.address, gr.Textbox) else []
    gr.on(
        [teacher.check.click, *typed],
        bind(door, on_check),
        asked,
        found,
        api_name="check_teacher",
        show_progress="minimal",
    )


def _wire_student(door: Door, student: _Student) -> Wire:
    listed = [student.student]
    student.base.change(bind(door, on_base), [student.base], [*listed, student.decoder], **QUIET)
    gr.on(None, bind(door, on_students), None, listed, **QUIET)
    return Wire(bind(door, on_students, polled=True), listed, listed)


def _wire_budget(
    door: Door,
    teacher: _Teacher,
    prompts: PromptSource,
    student: _Student,
    budget: _Budget,
    panel: RunPanel,
) -> None:
    form: list[Any] = [
        teacher.kind,
        teacher.address,
        teacher.model,
        prompts.source,
        prompts.topic,
        prompts.number,
        student.base,
        student.student,
        student.decoder,
        student.name,
        budget.steps,
        budget.after,
        *budget.advanced,
        prompts.own,
    ]
    gr.on(
        [widget.change for widget in form],
        bind(door, on_form),
        form,
        [budget.words, budget.command, budget.error],
        trigger_mode="always_last",
        **QUIET,
    )
    gr.on(None, bind(door, on_first_form), None, [budget.words, budget.command], **QUIET)
    started = budget.trial.start.click(
        bind(door, on_start),
        form,
        [panel.selected, budget.error],
        api_name="start_run",
        show_progress="minimal",
    )
    started.success(bind(door, on_started), panel.inputs, panel.outputs, **QUIET)
    started.success(None, js=_SHOW_RUN, **QUIET)
    wire_trial(door, budget.trial, form)
    wire_settings(door, budget.files, form, budget.error, panel.use_settings, panel.selected)


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_teacher(backend: Backend, teacher: str, source: str) -> tuple[Any, Any]:
    """Show the server's fields for Ollama, and offer the prompts that this teacher can answer.

    Inputs: teacher, prompt source
    Outputs: server group, prompt source
    """
    return gr.update(visible=teacher == "ollama"), sources_for(teacher, source)


def on_check(backend: Backend, teacher: str, address: str, chosen: str = "") -> tuple[str, Any]:
    """Ask the teacher for its models and say in words what came back; keeps a model it has.

    Inputs: teacher, address, model
    Outputs: status, model list
    """
    if teacher == "none":
        return "", gr.update(choices=[], value="")
    status = backend.teacher_status(teacher, (address or "").strip())
    usable = [model for model in status.models if model.can_chat]
    choices = [(model_label(model), model.name) for model in usable]
    first = usable[0].name if usable and teacher == "ollama" else ""
    kept = chosen in [model.name for model in usable] and teacher == "ollama"
    return teacher_html(status), gr.update(choices=choices, value=chosen if kept else first)


def on_base(backend: Backend, base: str) -> tuple[Any, Any]:
    """Offer the list of students only to continue with one, a model only to stand on it.

    Inputs: base
    Outputs: student, model
    """
    return gr.update(visible=base == "continue"), gr.update(visible=base == "pretrained")


def on_students(backend: Backend, chosen: str | None = None) -> Any:
    """Refresh the list of students to continue with.

    Inputs: student
    Outputs: student
    """
    students = [info for info in backend.students() if info.preset != REMOTE]
    known = [info.id for info in students]
    current = backend.student().info
    first = current.id if current and current.id in known else next(iter(known), None)
    value = chosen if chosen in known else first
    return gr.update(choices=[(student_words(info), info.id) for info in students], value=value)


def on_form(backend: Backend, *form: Any) -> tuple[Any, Any, str]:
    """What the run would cost and bring, or what is still missing.

    Inputs: the form
    Outputs: budget, command, error
    """
    try:
        config = form_config(form)
        return budget_html(backend.budget(config)), backend.command(config), ""
    except ReasonerError as exc:
        return muted_html(str(exc)), "", ""


def on_first_form(backend: Backend) -> tuple[str, str]:
    """The budget of the settings that the page starts with.

    Outputs: budget, command
    """
    config = DistillConfig()
    return budget_html(backend.budget(config)), backend.command(config)


def on_start(backend: Backend, *form: Any) -> tuple[Any, str]:
    """Start the run that the form describes.

    Inputs: the form
    Outputs: selected run, error
    """
    try:
        return backend.start_run(form_config(form)), ""
    except ReasonerError as exc:
        return gr.skip(), error_html(str(exc))
