"""One distillation run in a process of its own: ``python -m model.jobs.worker WORKSPACE RUN``.

It talks through the store alone: its row says where it stands, the row's request tells it to pause
or stop. Killed at any moment, it goes on from its last checkpoint when it is resumed.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

from model.bundles.bundle import FAMILIAR_THRESHOLD, Card
from model.config import PRESETS, DistillConfig
from model.errors import ReasonerError
from model.jobs.jobs import run_folder, worker_lock
from model.jobs.learners import make_learner
from model.jobs.run_log import StoreRunLog
from model.jobs.run_prompts import RunPrompts
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.learning.budget import memory_of
from model.learning.devices import announce, await_word
from model.learning.feature_cache import keep_features
from model.learning.knowledge_transfer import Distillation, follow
from model.learning.memory import PROCESS_BYTES, check_fits, free_bytes
from model.learning.nested_tokenizer import nested_tokenizer
from model.learning.run_collector import collect_all
from model.model import ImageTokenReasoningLLM
from model.network.backbones import PretrainedTower
from model.network.lora import merge_lora
from model.network.text_tokenizer import TextTokenizer
from model.paths import SHIPPED_BUNDLE, database, pictures, process_rank, students
from model.records import RunId, RunInfo, StudentId
from model.serving.students import SHIPPED_SETTING
from model.teachers.base import Teacher, TeacherVocabulary, TellsVocabulary
from model.teachers.builtin import BuiltinTeacher
from model.teachers.servers import teacher_at

log = logging.getLogger(__name__)
PATIENCE_S = 600.0
"""How long a run waits for the database: longer than the import of some millions of triplets."""


def make_teacher(config: DistillConfig) -> Teacher | None:
    """The teacher that a run asks, if any."""
    if config.teacher == "none":
        return None
    if config.teacher == "builtin":
        return BuiltinTeacher()
    return teacher_at(config.teacher_model, config.address)


def make_tokenizer(config: DistillConfig, teacher: Teacher, path: Path) -> TextTokenizer | None:
    """The tokenizer of a fresh student if it is taken from the teacher's; written down once."""
    if config.tokenizer != "teacher" or config.base not in PRESETS:
        return None
    if not path.exists():
        tells = teacher.vocabulary() if isinstance(teacher, TellsVocabulary) else None
        nested = nested_tokenizer(tells or TeacherVocabulary(), config.vocabulary)
        draft = path.with_suffix(".draft")
        draft.write_text(nested.to_json(), encoding="utf-8")
        draft.replace(path)
    return TextTokenizer.from_json(path.read_text(encoding="utf-8"))


def check_memory(learner: ImageTokenReasoningLLM, config: DistillConfig) -> None:
    """Refuse a run that cannot fit, now that its student is here. Raises: ConfigError."""
    needed = memory_of(config, learner.config, learner.parameter_count)
    if torch.cuda.is_available():
        check_fits(needed - PROCESS_BYTES, torch.cuda.mem_get_info()[0], "the GPU")
    else:
        held = PROCESS_BYTES + 4 * learner.parameter_count
        check_fits(needed - held, free_bytes())


def keep_frozen_features(learner: ImageTokenReasoningLLM, folder: Path) -> None:
    """Let frozen pretrained eyes look at every picture only once, if the student has such."""
    tower = learner.vision_tower
    if isinstance(tower, PretrainedTower) and tower.frozen:
        keep_features(tower, folder)


def student_id(info: RunInfo) -> StudentId:
    """A folder name for the student of a run: its name in plain letters and the run's end."""
    plain = re.sub(r"[^a-z0-9]+", "-", info.name.lower()).strip("-")[:40] or "student"
    return StudentId(f"{plain}-{info.id[-6:]}")


def teacher_words(config: DistillConfig) -> str:
    """Who taught the student, as its card says."""
    if config.teacher == "ollama":
        return config.teacher_model
    if config.teacher == "builtin" and config.prompt_source != "graph":
        return "built-in micro-world oracle"
    return "the graph" if config.prompt_source == "graph" else "own answers"


def keep_student(
    learner: ImageTokenReasoningLLM, info: RunInfo, workspace: Path, step: int
) -> StudentId:
    """Write the taught student as a new bundle; says where it comes from."""
    config, student = info.config, student_id(info)
    teacher = teacher_words(config)
    base = {
        "continue": f"{config.student}, taught further",
        "pretrained": f"on the pretrained {learner.card.name}",
    }.get(config.base, "from scratch")
    merge_lora(learner.model)
    figures: dict[str, float | str] = {}
    if learner.card.familiar_threshold:
        figures[FAMILIAR_THRESHOLD] = learner.card.familiar_threshold
    if info.validation_loss:
        figures["validation loss"] = round(info.validation_loss, 4)
    learner.card = Card(
        name=info.name,
        origin=f"{base}, {step} steps on {info.prompts} prompts ({config.prompt_source})",
        teacher=teacher,
        parent=config.student if config.base == "continue" else "",
        figures=figures,
    )
    learner.save(students(workspace) / student)
    return student


def work(workspace: Path, run: RunId, store: Store, run_log: StoreRunLog) -> None:
    """Do the run from where it stands to where it ends or pauses."""
    info = store.run(run)
    config, folder = info.config, run_folder(workspace, run)
    run_log.stage("finding prompts")
    prompts = RunPrompts(
        store, Pictures(pictures(workspace)), run, make_teacher(config), folder / "prompts.json"
    )
    teacher, questions = prompts.teacher, prompts.questions
    run_log.asked(len(questions))
    if config.after_collecting == "look" and not info.collected:
        run_log.stage("collecting the answers")
        collected = collect_all(config, teacher, questions, store, run_log)
        announce("end")
        finish_collecting(collected, store, run, run_log.request)
        return
    run_log.stage("loading the student")
    shipped = Path(store.setting(SHIPPED_SETTING) or SHIPPED_BUNDLE)
    tokenizer = make_tokenizer(config, teacher, folder / "tokenizer.json")
    learner = make_learner(config, workspace, shipped, run_log.stage, tokenizer)
    check_memory(learner, config)
    announce("ready")
    keep_frozen_features(learner, folder / "features")
    distillation = Distillation(learner, teacher, questions, config, store, run_log)
    result = distillation.run(folder / "checkpoint.pt")
    announce("end")
    run_log.flush()
    request, ended = run_log.request, time.time()
    if result.ended == "paused":
        state = "paused" if request else "interrupted"
        words = f"Paused at step {result.step} of {distillation.steps}."
        store.update_run(run, state=state, stage="paused", message=words, remaining_s=None)
        return
    if request == "stop-drop" or result.step == 0:
        words = "Stopped; nothing was kept."
        store.update_run(run, state="cancelled", message=words, finished_at=ended, remaining_s=None)
        return
    student = keep_student(learner, store.run(run), workspace, result.step)
    learned = f"Learned {result.step} steps." if request else ""
    words = " ".join(filter(None, (learned, distillation.note, left_out_words(store, run))))
    store.update_run(
        run,
        state="done",
        stage="done",
        student=student,
        message=words,
        finished_at=time.time(),
        remaining_s=0.0,
    )
    for checkpoint in folder.glob("checkpoint*.pt"):
        checkpoint.unlink()
    shutil.rmtree(folder / "features", ignore_errors=True)


def finish_collecting(ended: str, store: Store, run: RunId, request: str | None) -> None:
    """Write down how the collecting of a run that is to be looked through ended."""
    if ended == "done":
        fields = {"state": "collected", "stage": "collected", "collected": True}
        store.update_run(run, message=collected_words(store, run), remaining_s=None, **fields)
    elif request == "stop-drop" or ended == "stopped":
        words = "Stopped; the answers that came are kept for another run."
        store.update_run(run, state="cancelled", message=words, finished_at=time.time())
    else:
        state = "paused" if request else "interrupted"
        store.update_run(run, state=state, stage="paused", message="Paused while collecting.")


def collected_words(store: Store, run: RunId) -> str:
    """How many answers wait to be looked through."""
    counts = store.prompt_page(run, limit=0).counts
    words = f"{counts['answered']} answers can be learned"
    more = [f"{counts[state]} {state}" for state in ("left out", "failed") if counts[state]]
    return f"{', '.join([words, *more])}. Look through them, then train."


def left_out_words(store: Store, run: RunId) -> str:
    """How many answers were not learned from, and why; often nothing."""
    reasons = store.left_out(run)
    listed = ", ".join(f"{reason} ({number})" for reason, number in reasons.items())
    return f"{sum(reasons.values())} answers left out: {listed}." if reasons else ""


def assist(workspace: Path, run: RunId) -> None:
    """Train along with the first process of a run, which hands out the lessons.

    It ends on the first one's word, or with it: the launcher ends all if one fails.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if await_word() == "end":  # only answers were collected
        return
    store = Store(database(workspace))
    config, folder = store.run(run).config, run_folder(workspace, run)
    shipped = Path(store.setting(SHIPPED_SETTING) or SHIPPED_BUNDLE)
    tokenizer = make_tokenizer(config, BuiltinTeacher(), folder / "tokenizer.json")
    store.close()
    learner = make_learner(config, workspace, shipped, tokenizer=tokenizer)
    keep_frozen_features(learner, folder / "features")
    follow(learner, config, folder / "checkpoint.pt")


def run_in_this_process(
    workspace: Path, run: RunId, log_type: type[StoreRunLog] = StoreRunLog
) -> RunInfo:
    """Hold the run's lock, do the run, and write down how it ended, whatever happens.

    SIGTERM and Ctrl-C end it at the next step with a checkpoint, as a pause does.
    """
    store = Store(database(workspace), busy_s=PATIENCE_S)
    run_log = log_type(store, Pictures(pictures(workspace)), run)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: run_log.end_soon())
    with worker_lock(workspace, run):
        store.update_run(run, state="running", heartbeat_at=time.time(), pid=os.getpid())
        try:
            work(workspace, run, store, run_log)
        except ReasonerError as error:
            log.warning("the run failed: %s", error)
            store.update_run(
                run, state="failed", message=str(error), finished_at=time.time(), remaining_s=None
            )
        except Exception:
            fault = secrets.token_hex(3)
            log.exception("fault %s", fault)
            words = (
                f"The worker failed unexpectedly (fault {fault}). The log below says more; "
                "Resume goes on from the last checkpoint."
            )
            store.update_run(
                run, state="failed", message=words, finished_at=time.time(), remaining_s=None
            )
    return store.run(run)


def main() -> None:
    """Entry point of the child process."""
    workspace, run = Path(sys.argv[1]), RunId(sys.argv[2])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    # leave a core to the page, which answers in the meantime
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    if process_rank() > 0:
        assist(workspace, run)
        return
    info = run_in_this_process(workspace, run)
    log.info("%s at step %d of %d. %s", info.state, info.step, info.steps, info.message)
    if info.state == "failed" and info.config.processes > 1:
        sys.exit(1)  # so that the launcher ends the others


if __name__ == "__main__":
    main()
