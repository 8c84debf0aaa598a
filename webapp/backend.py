"""Everything that the tabs may ask for, on one page. ``app.py`` hands in who fulfils it.

Every method may raise a ``ReasonerError``: its text is meant for the person and is shown by the
one boundary in ``webapp/widgets.py``. Nothing here blocks longer than a moment, but for
``describe`` and ``try_teacher`` (seconds) and ``teacher_status`` (its time limit).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import gradio as gr
from PIL import Image

from model.config import DistillConfig, SampleConfig
from model.records import (
    Answer,
    Budget,
    Chat,
    ChatId,
    Description,
    Expectation,
    Metric,
    PictureId,
    RunId,
    RunInfo,
    RunSample,
    StudentId,
    StudentInfo,
    StudentStatus,
    TeacherStatus,
    Turn,
)
from webapp.compare_backend import CompareBackend
from webapp.export_backend import ExportBackend
from webapp.feedback_backend import FeedbackBackend
from webapp.graph_backend import GraphBackend
from webapp.hub_backend import HubBackend
from webapp.precision_backend import PrecisionBackend
from webapp.prompt_backend import PromptBackend
from webapp.proposal_backend import ProposalBackend
from webapp.source_backend import SourceBackend
from webapp.speed_backend import SpeedBackend


class Backend(GraphBackend, PromptBackend, ProposalBackend, Protocol):
    """One visitor's workspace, as the page sees it."""

    # pictures
    def add_picture(self, source: Path | Image.Image) -> PictureId:
        """Check, turn upright, flatten and store a picture; the same picture has the same id."""
        ...

    def picture_path(self, picture: PictureId) -> Path:
        """The stored PNG of a picture."""
        ...

    def thumbnail(self, picture: PictureId, size_px: int = 64) -> str:
        """The picture as a small ``data:`` URI, for tables and the graph."""
        ...

    # the student
    def student(self) -> StudentStatus: ...

    def students(self) -> Sequence[StudentInfo]: ...

    def use_student(self, student: StudentId) -> None:
        """Load a student in the background; ``student()`` tells when it is ready."""
        ...

    def delete_student(self, student: StudentId) -> None: ...

    def describe(self, picture: PictureId) -> Description: ...

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer:
        """Answer the last turn; at once, in a batch with everybody else's."""
        ...

    def expect(self, turn: Turn) -> Expectation | None:
        """The known picture nearest to what the student imagines as the outcome, if any."""
        ...

    def comparing(self) -> CompareBackend:
        """Whoever lets students and teachers answer side by side."""
        ...

    def feedback(self) -> FeedbackBackend:
        """Whoever keeps votes on answers, and lets the student learn from them."""
        ...

    def exports(self) -> ExportBackend:
        """Whoever writes students for Ollama, and puts them there."""
        ...

    def sources(self) -> SourceBackend:
        """Models on servers that answer in a student's place."""
        ...

    def hub(self) -> HubBackend:
        """Whoever takes students to the Hugging Face Hub, and back."""
        ...

    def precisions(self) -> PrecisionBackend:
        """In which precision students answer, and what that costs and brings."""
        ...

    def speeds(self) -> SpeedBackend:
        """How fast students answer on this machine."""
        ...

    # chats
    def latest_chat(self) -> Chat:
        """The conversation that was written to last, or a new empty one."""
        ...

    def new_chat(self) -> Chat: ...

    def chat(self, chat: ChatId) -> Chat:
        """A conversation as it is stored; empty if nobody has written to it."""
        ...

    def save_chat(self, chat: ChatId, turns: Sequence[Turn]) -> None: ...

    # teachers and runs
    def teacher_status(self, teacher: str, address: str = "") -> TeacherStatus:
        """Ask a teacher (``builtin`` or ``ollama``) for its models; never raises, at most 3 s."""
        ...

    def budget(self, config: DistillConfig) -> Budget: ...

    def start_run(self, config: DistillConfig) -> RunId: ...

    def pause_run(self, run: RunId) -> None: ...

    def resume_run(self, run: RunId) -> None: ...

    def stop_run(self, run: RunId, *, keep: bool) -> None:
        """End a run early: with a student from what was learned, or without."""
        ...

    def delete_run(self, run: RunId) -> None: ...

    def runs(self) -> Sequence[RunInfo]:
        """All runs, newest first."""
        ...

    def run(self, run: RunId) -> RunInfo: ...

    def metrics(self, run: RunId, points: int = 500) -> Sequence[Metric]:
        """The curves of a run, thinned to at most ``points`` points per series."""
        ...

    def samples(self, run: RunId, last: int = 8) -> Sequence[RunSample]:
        """What teacher and student said to the same prompts, newest first."""
        ...

    def run_log(self, run: RunId) -> str:
        """The last lines that the worker wrote."""
        ...

    def command(self, config: DistillConfig) -> str:
        """The shell command that does the same as *Start*."""
        ...


Door = Callable[[gr.Request], Backend]
"""Finds the backend of the visitor who sent a request; in single-user mode always the same."""
