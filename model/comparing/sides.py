"""Finds who was chosen: a student by its id, a model on an Ollama server, the built-in oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from model.compare_records import BUILTIN_SIDE, OLLAMA, SideId, SideInfo
from model.comparing.contestants import Contestant, StudentSide, TeacherSide
from model.comparing.judge import Judge
from model.errors import TeacherModelMissing, TeacherUnavailable
from model.knowledge.pictures import Pictures
from model.records import StudentId, TeacherModel
from model.serving.asking import Asking
from model.serving.students import Students
from model.teachers.builtin import BuiltinTeacher
from model.teachers.ollama import OllamaTeacher
from model.teachers.ollama_models import full_name


class FindsSides(Protocol):
    """Whoever turns what was chosen into somebody who answers."""

    def contestant(self, side: SideId, address: str) -> Contestant:
        """The one behind an id. Raises: BundleError, TeacherError."""
        ...

    def judge(self, model: str, address: str) -> Judge:
        """A model that judges. Raises: TeacherError."""
        ...


class Sides:
    """The sides that one workspace can choose from."""

    def __init__(
        self,
        students: Students,
        asking: Asking,
        pictures: Pictures,
        address_of: Callable[[str], str],
    ) -> None:
        """``address_of`` settles which server is asked for the address that was wished for."""
        self._students, self._asking, self._pictures = students, asking, pictures
        self._address_of = address_of

    def contestant(self, side: SideId, address: str) -> Contestant:
        """The one behind an id. Raises: BundleError, TeacherError."""
        if side == BUILTIN_SIDE:
            teacher = BuiltinTeacher()
            digest = teacher.status().version
            info = SideInfo(side, "builtin", "built-in oracle", digest, sees_pictures=True)
            return TeacherSide(info, teacher, self._pictures)
        if side.startswith(OLLAMA):
            name = side.removeprefix(OLLAMA)
            found = self._model(name, address)
            info = SideInfo(
                side,
                "ollama",
                found.name,
                found.digest.removeprefix("sha256:"),
                size_bytes=found.size_bytes,
                sees_pictures=found.sees_pictures,
            )
            return TeacherSide(info, self._teacher(name, address), self._pictures)
        student = self._students.info(StudentId(side))
        info = SideInfo(
            side,
            "student",
            student.name,
            student.weights_hash,
            student.parameters,
            student.size_bytes,
            sees_pictures=True,
        )
        return StudentSide(info, self._asking, self._students, self._pictures)

    def judge(self, model: str, address: str) -> Judge:
        """A model that judges. Raises: TeacherError if the server does not have it."""
        self._model(model, address)
        return Judge(self._teacher(model, address))

    def _teacher(self, model: str, address: str) -> OllamaTeacher:
        return OllamaTeacher(model, self._address_of(address))

    def _model(self, name: str, address: str) -> TeacherModel:
        status = self._teacher(name, address).status()
        if not status.reachable:
            raise TeacherUnavailable(status.message)
        for model in status.models:
            if full_name(model.name) == full_name(name):
                return model
        known = ", ".join(model.name for model in status.models) or "none"
        raise TeacherModelMissing(
            f"The Ollama server at {status.address} has no model “{name}”; it has: {known}. "
            f"Get it with `ollama pull {name}`."
        )
