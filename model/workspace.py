"""The one door: what the app and the scripts may ask for. Each method checks, delegates, records.

Importing this file imports no torch; the student is loaded in a thread of its own.
"""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from model import paths
from model.bundles.bundle import bundle_info, read_bundle
from model.bundles.checkpoints import local_shape
from model.bundles.exporting import Exporting
from model.bundles.hub_transfer import HubTransfer
from model.comparing.comparing import Comparing
from model.comparing.sides import Sides
from model.config import (
    DistillConfig,
    FeedbackConfig,
    ReadingConfig,
    SampleConfig,
    StudentConfig,
    options_of,
)
from model.errors import ConfigError
from model.graph_records import ReadingJob, ReadingMatter
from model.graph_workspace import GraphWorkspace
from model.jobs.jobs import Jobs
from model.jobs.vote_jobs import Learners, VoteJobs
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning import budget as budgets
from model.learning.memory import check_fits, free_bytes
from model.prompt_workspace import PromptWorkspace
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
from model.serving.asking import Asking
from model.serving.feedback import Feedback, taught_by
from model.serving.picture_twins import PictureTwins
from model.serving.precision import Precisions
from model.serving.proposing import Proposing
from model.serving.remote import Sources
from model.serving.speed_test import Speeds
from model.serving.students import SHIPPED, SHIPPED_SETTING, EnginePool, Students
from model.teachers.base import Teacher
from model.teachers.builtin import BuiltinTeacher
from model.teachers.ollama_host import without_sign_in
from model.teachers.servers import server_status, teacher_at

log = logging.getLogger(__name__)


class Workspace(GraphWorkspace, PromptWorkspace):
    """One data directory: triplets, pictures, chats, runs and students. Fulfils ``Backend``."""

    def __init__(
        self,
        folder: Path,
        *,
        shipped: Path = paths.SHIPPED_BUNDLE,
        pool: EnginePool | None = None,
        learners: Learners | None = None,
        teacher_address: str | None = None,
    ) -> None:
        """``teacher_address`` fixes the Ollama server, whatever a visitor asks for."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._examples_lock = threading.Lock()
        self._store = Store(paths.database(folder))
        self._pictures = Pictures(paths.pictures(folder))
        self._jobs = Jobs(self._store, folder)
        self._teacher_address = teacher_address
        self._store.set_setting(SHIPPED_SETTING, str(shipped.resolve()))  # runs start from it, too
        self._students = Students(
            paths.students(folder),
            shipped,
            pool or EnginePool(),
            StudentId(self._store.setting("student") or SHIPPED),
            lambda student: self._store.set_setting("student", student),
            lambda base: taught_by(self._store, paths.adapters(folder), base),
        )
        vote_jobs = VoteJobs(
            self._store, folder, learners or Learners(), FeedbackConfig.least_votes
        )
        self._feedback = Feedback(
            self._store, self._pictures, self._students, vote_jobs, self._teacher
        )
        self._asking = Asking(
            self._store,
            self._pictures,
            self._students,
            self._ensure_examples,
            self._feedback,
        )
        self._twins = PictureTwins(self._store, self._students, self._asking.known_pictures)
        self._exports = Exporting(
            paths.exports(folder),
            self._store,
            self._students,
            self._ensure_examples,
            may_push=teacher_address is None,
        )
        self._sources = Sources(self._store, self._address)
        self._hub = HubTransfer(
            paths.students(folder), self._students, allowed=teacher_address is None
        )
        self._precisions = Precisions(self._store, self._students)
        self._proposing = Proposing(self._store, self._pictures, self._address)
        self._comparing = Comparing(
            self._store,
            self._pictures,
            Sides(self._students, self._asking, self._pictures, self._address, self._sources),
            paths.exports(folder),
        )
        self._speeds = Speeds(
            self._store,
            self.answer,
            self.students,
            self._comparing.ten_prompts,
            paths.exports(folder),
        )
        self._jobs.repair()

    def close(self) -> None:
        """Let go of the database; runs go on in their own processes."""
        self._comparing.close()
        self._store.close()

    def prepare(self) -> None:
        """Do in the background what the first visit would wait for."""
        self._students.status()
        threading.Thread(target=self._asking.prepare, name="graph", daemon=True).start()

    # ── pictures ────────────────────────────────────────────────────────────────────────────────

    def add_picture(self, source: Path | Image.Image) -> PictureId:
        """Check, turn upright, flatten and store a picture. Raises: InputError."""
        return self._pictures.add(source)

    def picture_path(self, picture: PictureId) -> Path:
        """The stored PNG of a picture. Raises: InputError if there is none."""
        return self._pictures.path(picture)

    def thumbnail(self, picture: PictureId, size_px: int = 64) -> str:
        """The picture as a small ``data:`` URI."""
        return self._pictures.thumbnail(picture, size_px)

    def propose(self, matter: ReadingMatter, config: ReadingConfig) -> ReadingJob:
        """Read a text or pictures for triplets; none is stored. Raises: InputError."""
        return self._proposing.start(matter, config)

    # ── the student ─────────────────────────────────────────────────────────────────────────────

    def student(self) -> StudentStatus:
        """Which student answers, and whether it is ready; starts to load it."""
        source = self._sources.current
        return StudentStatus("ready", source.info()) if source else self._students.status()

    def students(self) -> Sequence[StudentInfo]:
        """Every student of this workspace, the shipped one first, models on servers last."""
        return [*self._students.all(), *(source.info() for source in self._sources.all())]

    def use_student(self, student: StudentId) -> None:
        """Let another student answer. Raises: BundleError."""
        if not self._sources.use(student):
            self._students.use(student)

    def delete_student(self, student: StudentId) -> None:
        """Remove a student from disk. Raises: BundleError."""
        if not self._sources.remove(student):
            self._students.delete(student)

    def served(self) -> Students:
        """The students and their engines, for whoever serves them through another door."""
        return self._students

    def exports(self) -> Exporting:
        """Whoever writes students for Ollama, and puts them there."""
        return self._exports

    def comparing(self) -> Comparing:
        """Whoever lets students and teachers answer side by side."""
        return self._comparing

    def feedback(self) -> Feedback:
        """Whoever keeps votes on answers, and lets the student learn from them."""
        return self._feedback

    def sources(self) -> Sources:
        """Models on servers that answer in a student's place."""
        return self._sources

    def hub(self) -> HubTransfer:
        """Whoever takes students to the Hugging Face Hub, and back."""
        return self._hub

    def precisions(self) -> Precisions:
        """In which precision students answer, and what that costs and brings."""
        return self._precisions

    def speeds(self) -> Speeds:
        """How fast students answer on this machine."""
        return self._speeds

    def describe(self, picture: PictureId) -> Description:
        """What the student sees in a picture, and how sure it is."""
        return self._asking.describe(picture)

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer:
        """Answer the last turn. Raises: InputError, EngineBusy, BundleError."""
        source = self._sources.find(student) if student else self._sources.current
        if source is not None:
            return self._asking.answer_elsewhere(turns, settings, source)
        return self._asking.answer(turns, settings, student)

    def expect(self, turn: Turn) -> Expectation | None:
        """The known picture that is nearest to what the student imagines as the outcome."""
        return self._asking.expect(turn)

    # ── chats ───────────────────────────────────────────────────────────────────────────────────

    def latest_chat(self) -> Chat:
        """The conversation that was written to last, or a new one."""
        return self._store.latest_chat()

    def new_chat(self) -> Chat:
        """An empty conversation."""
        return self._store.new_chat()

    def chat(self, chat: ChatId) -> Chat:
        """A conversation as it is stored; empty if nobody has written to it."""
        return self._store.chat(chat)

    def save_chat(self, chat: ChatId, turns: Sequence[Turn]) -> None:
        """Keep a conversation as it is now."""
        self._store.save_chat(chat, turns)

    # ── teachers and runs ───────────────────────────────────────────────────────────────────────

    def teacher_status(self, teacher: str, address: str = "") -> TeacherStatus:
        """Whether a teacher can be reached, and its models."""
        if teacher == "builtin":
            return BuiltinTeacher().status()
        return server_status(self._address(address))

    def _teacher(self, kind: str, model: str, address: str) -> Teacher:
        if kind == "builtin":
            return BuiltinTeacher()
        if not model:
            raise ConfigError("No teacher model is chosen. Pick one from the list of the server.")
        return teacher_at(model, self._address(address))

    def _address(self, wished: str) -> str:
        if self._teacher_address is not None:
            return without_sign_in(self._teacher_address)
        return wished.strip() or without_sign_in(paths.ollama_host())

    def _settled(self, config: DistillConfig) -> DistillConfig:
        address = self._address(config.address) if config.teacher == "ollama" else ""
        # visitors of a Space name neither servers nor files of the machine it runs on
        if self._teacher_address is not None:
            config = replace(config, backbone_source="", decoder_source="")
        return replace(config, address=address)

    def budget(self, config: DistillConfig) -> Budget:
        """Cost and prospects of a run before it starts. Raises: BundleError."""
        return self._estimate(config)

    def _estimate(
        self,
        config: DistillConfig,
        answer: int | None = None,
        teacher_tokens_per_s: float | None = None,
    ) -> Budget:
        base = self._students.info(StudentId(config.student)) if config.base == "continue" else None
        kind = (config.base == "pretrained", config.decoder_source)
        speeds = [
            run.tokens_per_s
            for run in self._store.runs()
            if run.tokens_per_s
            and (run.config.base == "pretrained", run.config.decoder_source) == kind
        ]
        shape = self._shape(config)
        return budgets.estimate(
            config,
            base,
            speeds[0] if speeds else None,
            shape,
            answer=answer,
            teacher_tokens_per_s=teacher_tokens_per_s,
        )

    def _shape(self, config: DistillConfig) -> StudentConfig | None:
        """The shape of the student that a run begins with, if it lies on this machine."""
        if config.base == "continue":
            return read_bundle(self._students.path(StudentId(config.student))).config
        return local_shape(config.decoder_source) if config.base == "pretrained" else None

    def start_run(self, config: DistillConfig) -> RunId:
        """Queue a run and start it if none is under way. Raises: ConfigError, BundleError."""
        config = self._settled(config)
        if config.base == "continue":
            bundle_info(self._students.path(StudentId(config.student)), StudentId(config.student))
        check_fits(round(self.budget(config).memory_mb * 1e6), free_bytes())
        if config.prompt_source == "graph":
            self._ensure_examples()
        run = self._store.create_run(config, config.title)
        self._jobs.start(run.id)
        return run.id

    def pause_run(self, run: RunId) -> None:
        """Let a run wait at its next step. Raises: RunError."""
        self._jobs.pause(run)

    def resume_run(self, run: RunId) -> None:
        """Go on with a run that waits. Raises: RunError."""
        self._jobs.resume(run)

    def stop_run(self, run: RunId, *, keep: bool) -> None:
        """End a run early, with or without a student. Raises: RunError."""
        self._jobs.stop(run, keep=keep)

    def delete_run(self, run: RunId) -> None:
        """Remove a run and its curves; its student stays. Raises: RunError."""
        self._jobs.delete(run)

    def runs(self) -> Sequence[RunInfo]:
        """All runs, newest first."""
        return self._jobs.runs()

    def run(self, run: RunId) -> RunInfo:
        """One run. Raises: RunError."""
        return self._jobs.run(run)

    def metrics(self, run: RunId, points: int = 500) -> Sequence[Metric]:
        """The curves of a run, thinned."""
        return self._store.metrics(run, points)

    def samples(self, run: RunId, last: int = 8) -> Sequence[RunSample]:
        """What teacher and student said, newest first."""
        return self._store.samples(run, last)

    def run_log(self, run: RunId) -> str:
        """The last lines that the worker wrote."""
        return self._jobs.log(run)

    def command(self, config: DistillConfig) -> str:
        """The shell command that does the same as *Start*."""
        words = ["python", "-m", "model.scripts.create_pretrained_model"]
        return shlex.join([*words, *options_of(self._settled(config))])
