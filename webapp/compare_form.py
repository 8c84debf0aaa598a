"""The form of the Compare tab: who is compared, what is asked, and how answers are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from model.compare_records import BUILTIN_SIDE, LETTERS, OLLAMA, CompareConfig
from model.config import SampleConfig
from model.errors import InputError
from webapp.backend import Backend
from webapp.config_form import config_from, draw_knobs
from webapp.formatting import student_words

KNOBS = ("temperature", "max_tokens", "seed", "use_graph", "think")
SETS = [
    ("My prompts", "typed"),
    ("Ten plain prompts", "ten"),
    ("Micro-world questions", "microworld"),
]
FIRST_PROMPT = "What happens if I heat an egg?"
ARROW = " => "
"""Stands between a typed prompt and its right answer."""
MOST_PICTURES = 4


@dataclass(frozen=True)
class CompareForm:
    """The widgets, in the order in which they are read."""

    sides: tuple[gr.Dropdown, ...]
    address: Any
    find: gr.Button
    models: gr.State
    status: gr.HTML
    prompt_set: gr.Radio
    prompts: gr.Textbox
    upload: gr.UploadButton
    questions: Any
    pictures: gr.Gallery
    set_words: gr.HTML
    judge: gr.Dropdown
    blind: gr.Checkbox
    settings: list[Any]

    @property
    def inputs(self) -> list[Any]:
        """What a comparison depends on, in the order of ``compare_config``."""
        return [
            *self.sides,
            self.address,
            self.prompt_set,
            self.prompts,
            self.questions,
            self.pictures,
            self.judge,
            self.blind,
            *self.settings,
        ]


def draw_form(multi_user: bool) -> CompareForm:
    """Draw the form inside the current block. On a shared app the server is the operator's."""
    with gr.Row():
        sides = tuple(
            gr.Dropdown(
                choices=[],
                label=f"{letter}{' (optional)' if number == 2 else ''}",
                min_width=220,
                elem_id=f"compare-side-{letter.lower()}",
            )
            for number, letter in enumerate(LETTERS)
        )
    with gr.Accordion("Models on a server", open=False, elem_id="compare-ollama"):
        # Other clients than the page can set a hidden text box, but not a state.
        address: Any = gr.State("")
        if not multi_user:
            address = gr.Textbox(
                label="Address",
                placeholder="http://127.0.0.1:11434",
                info="Ollama, vLLM, llama.cpp or LM Studio. Empty means OLLAMA_HOST, else this "
                "computer.",
                elem_id="compare-address",
            )
        find = gr.Button("Find models", size="sm", elem_id="compare-find")
        status = gr.HTML(elem_id="compare-status", elem_classes="itr-optional")
        judge = gr.Dropdown(
            choices=[("Nobody", "")],
            value="",
            label="Judge",
            info="A model that says which answer is better; asked in both orders.",
            elem_id="compare-judge",
        )
    prompt_set, prompts, upload, questions, pictures, set_words = _draw_prompts()
    blind = gr.Checkbox(
        label="Blind: hide who is who until I have voted", elem_id="compare-blind", container=False
    )
    with gr.Accordion("Settings", open=False):
        settings = draw_knobs(SampleConfig, KNOBS, "compare")
    return CompareForm(
        sides, address, find, gr.State(()), status, prompt_set, prompts, upload, questions,
        pictures, set_words, judge, blind, settings,
    )  # fmt: skip


def _draw_prompts() -> tuple[Any, ...]:
    prompt_set = gr.Radio(SETS, value="typed", label="Prompts", elem_id="compare-set")
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            prompts = gr.Textbox(
                FIRST_PROMPT,
                label="One per line",
                info="A right answer may follow after =>",
                lines=3,
                max_lines=12,
                elem_id="compare-prompts",
            )
            upload = gr.UploadButton(
                "Add from a .txt, .csv or .jsonl file",
                file_types=[".txt", ".csv", ".jsonl"],
                size="sm",
                elem_id="compare-upload",
            )
            (questions,) = draw_knobs(CompareConfig, ("questions",), "compare")
            questions.visible = False
            set_words = gr.HTML(elem_id="compare-set-words", elem_classes="itr-optional")
        pictures = gr.Gallery(
            label="Pictures for all prompts (optional)",
            type="filepath",
            file_types=["image"],
            sources=["upload", "clipboard"],
            columns=MOST_PICTURES,
            height=150,
            scale=2,
            min_width=220,
            interactive=True,
            buttons=[],
            elem_id="compare-pictures",
        )
    return prompt_set, prompts, upload, questions, pictures, set_words


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def side_choices(backend: Backend, models: Sequence[str]) -> list[tuple[str, str]]:
    """Everybody who can answer: students, models that were found on a server, the oracle."""
    students = [(student_words(info), str(info.id)) for info in backend.students()]
    found = [(f"{name} on the server", f"{OLLAMA}{name}") for name in models]
    return [*students, *found, ("Built-in oracle of the micro-world", str(BUILTIN_SIDE))]


def compare_config(backend: Backend, values: Sequence[Any]) -> CompareConfig:
    """What the form says, in the order of ``CompareForm.inputs``. Raises: ReasonerError."""
    (*sides, address, prompt_set, prompts, questions, pictures, judge, blind) = values[
        : -len(KNOBS)
    ]
    pairs = prompt_lines(prompts) if prompt_set == "typed" else ()
    files = [Path(each[0] if isinstance(each, tuple | list) else each) for each in pictures or ()]
    if len(files) > MOST_PICTURES:
        raise InputError(f"There are {len(files)} pictures; at most {MOST_PICTURES} go along.")
    drawn = prompt_set == "microworld"
    return CompareConfig(
        sides=tuple(str(side) for side in sides if side),
        address=(address or "").strip(),
        prompt_set=prompt_set,
        prompts=tuple(prompt for prompt, _ in pairs),
        answers=tuple(answer for _, answer in pairs) if any(a for _, a in pairs) else (),
        pictures=() if drawn else tuple(backend.add_picture(file) for file in files),
        questions=int(questions or 0),
        judge=judge or "",
        blind=bool(blind),
        sampling=config_from(SampleConfig, KNOBS, values[-len(KNOBS) :]),
    )


def prompt_lines(text: str | None) -> tuple[tuple[str, str], ...]:
    """The typed prompts with their right answers, or empty ones."""
    pairs = [line.partition(ARROW) for line in (text or "").splitlines()]
    return tuple((prompt.strip(), answer.strip()) for prompt, _, answer in pairs if prompt.strip())


def lines_of(pairs: Sequence[tuple[str, str]]) -> str:
    """Prompts and answers as lines that ``prompt_lines`` reads."""
    rows = [(" ".join(prompt.split()), " ".join(answer.split())) for prompt, answer in pairs]
    return "\n".join(f"{prompt}{ARROW}{answer}" if answer else prompt for prompt, answer in rows)
