"""A dry run: one question to a teacher, and what a whole run with it would take. Needs no torch."""

from __future__ import annotations

import time

from model.config import DistillConfig
from model.errors import ReasonerError
from model.learning.answer_filter import confidence, fault_of
from model.learning.run_collector import wants_logprobs
from model.prompt_records import TeacherCheck, Trial
from model.records import TeacherModel, TeacherStatus
from model.teachers.base import MOST_LOGPROBS, Question, Teacher, TeacherAnswer


def try_teacher(config: DistillConfig, teacher: Teacher, question: Question) -> Trial:
    """Ask a teacher one question of a run; never raises for what the teacher does.

    ``minutes`` and ``advice`` are left to the caller, who knows the student's side.
    """
    status = teacher.status()
    checks = [TeacherCheck("reachable", status.reachable, status.message)]
    if not status.reachable:
        return Trial(tuple(checks))
    model = _model(config, status)
    checks.append(_has_model(config, status, model))
    checks.append(_sees(config, model))
    if checks[1].ok is False:
        return Trial(tuple(checks))
    started = time.monotonic()
    try:
        answer = teacher.answer(
            question,
            temperature=config.temperature,
            max_tokens=config.max_answer_tokens,
            seed=config.seed,
            top_logprobs=MOST_LOGPROBS if wants_logprobs(config, teacher) else 0,
        )
    except ReasonerError as error:
        checks.append(TeacherCheck("answers", False, str(error)))
        return Trial(tuple(checks), prompt=question.text)
    seconds = max(time.monotonic() - started, 1e-3)
    checks.append(_logprobs(config, teacher, answer))
    checks.append(_answers(config, question, answer, seconds))
    return Trial(
        tuple(checks),
        prompt=question.text,
        answer=answer.text,
        tokens_per_s=answer.tokens / seconds,
        answer_tokens=answer.tokens,
    )


def _model(config: DistillConfig, status: TeacherStatus) -> TeacherModel | None:
    if config.teacher != "ollama":
        return status.models[0] if status.models else None
    wanted = (config.teacher_model, f"{config.teacher_model}:latest")
    return next((each for each in status.models if each.name in wanted), None)


def _has_model(
    config: DistillConfig, status: TeacherStatus, model: TeacherModel | None
) -> TeacherCheck:
    if model is None:
        names = ", ".join(each.name for each in status.models[:5] if each.can_chat) or "none"
        pull = f"run `ollama pull {config.teacher_model}` there"
        return TeacherCheck(
            "has the model",
            False,
            f"The server has no “{config.teacher_model}”; it has {names}. Choose one of them, or "
            f"{pull if status.protocol == 'ollama' else 'start the server with it'}.",
        )
    if not model.can_chat:
        return TeacherCheck("has the model", False, f"“{model.name}” cannot chat. Choose another.")
    size = " · ".join(part for part in (model.parameter_size, model.quantization) if part)
    return TeacherCheck("has the model", True, f"{model.name}{f' ({size})' if size else ''}")


def _sees(config: DistillConfig, model: TeacherModel | None) -> TeacherCheck:
    sees = model.sees_pictures if model else None
    if sees:
        return TeacherCheck("sees pictures", True, "yes")
    without = " Prompts with pictures are left out." if config.prompt_source == "graph" else ""
    return TeacherCheck("sees pictures", None, ("no" if sees is False else "not said") + without)


def _logprobs(config: DistillConfig, teacher: Teacher, answer: TeacherAnswer) -> TeacherCheck:
    if not wants_logprobs(config, teacher):
        return TeacherCheck("gives logprobs", None, "not asked for")
    if not answer.logprobs:
        words = "no: the student learns from its words alone. Ollama gives them from 0.12.11 on."
        return TeacherCheck("gives logprobs", None, words)
    sure = confidence(answer) or 0.0
    return TeacherCheck("gives logprobs", True, f"yes; it found its words {sure:.0%} likely")


def _answers(
    config: DistillConfig, question: Question, answer: TeacherAnswer, seconds: float
) -> TeacherCheck:
    fault = "" if question.spec else fault_of(question.text, answer, config)
    speed = f"{answer.tokens} tokens in {seconds:.1f} s"
    if fault:
        return TeacherCheck("answers", None, f"{speed}, but this one would be left out: {fault}.")
    cut = " It was cut off: allow longer answers." if answer.stopped_by == "length" else ""
    return TeacherCheck("answers", True, f"{speed}.{cut}")
