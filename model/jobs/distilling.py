"""One call that distils: a run in this process, stored and resumed as every other run is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from model import paths
from model.config import DistillConfig
from model.errors import InputError, RunError
from model.jobs.jobs import unfinished_or_new
from model.jobs.run_log import StoreRunLog
from model.jobs.worker import run_in_this_process
from model.knowledge.store import Store
from model.model import ImageTokenReasoningLLM


def distil_from_ollama(
    student: ImageTokenReasoningLLM,
    prompts: Sequence[str] | str,
    teacher_model: str,
    *,
    address: str = "",
    workspace: Path | str | None = None,
    **settings: Any,
) -> ImageTokenReasoningLLM:
    """Teach a copy of ``student``; see ``ImageTokenReasoningLLM.distill_from_ollama``."""
    if not prompts:
        raise InputError("There are 0 prompts. Give a list of prompts, or a topic as one text.")
    asked: dict[str, Any] = (
        {"prompt_source": "topic", "topic": prompts}
        if isinstance(prompts, str)
        else {"prompt_source": "own", "own_prompts": tuple(prompts), "prompts": len(prompts)}
    )
    with ExitStack() as stack:
        folder = Path(workspace or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        weights_hash = student.save(folder / ".learner")
        name = f"python-{weights_hash[:8]}"
        (folder / ".learner").rename(_fresh(paths.students(folder) / name))
        config = DistillConfig(
            teacher="ollama",
            teacher_model=teacher_model,
            address=address,
            student=name,
            **asked,
            **settings,
        )
        store = Store(paths.database(folder))
        stack.callback(store.close)
        run = run_in_this_process(folder, unfinished_or_new(store, config).id, StoreRunLog)
        if run.student is None:
            raise RunError(run.message or f"The run is {run.state}; there is no student.")
        return ImageTokenReasoningLLM.load_from_bundle(paths.students(folder) / run.student)


def _fresh(folder: Path) -> Path:
    """The folder, which does not exist yet; a bundle of the same weights makes way."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    return folder
