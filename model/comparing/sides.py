"""Finds who was chosen: a student by its id, a model on a server, the built-in oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from model.compare_records import BUILTIN_SIDE, OLLAMA, SideId, SideInfo
from model.comparing.contestants import Contestant, StudentSide, TeacherSide
from model.comparing.judge import Judge
from model.comparing.source_side import SourceSide
from model.errors import TeacherModelMissing, TeacherUnavailable
from model.knowledge.pictures import Pictures
from model.records import StudentId, TeacherModel
from model.serving.asking import Asking
from model.serving.remote import Sources
from model.serving.students import Students
from model.teachers.builtin import BuiltinTeacher
from model.teachers.ollama_models import full_name
from model.teachers.server_teacher import ServerTeacher
from model.teachers.servers import server_status, server_teacher


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
        sources: Sources,
    ) -> None:
        """``address_of`` settles which server is asked for the address that was wished for."""
        self._students, self._asking, self._pictures = students, asking, pictures
        self._address_of, self._sources = address_of, sources

    def contestant(self, side: SideId, address: str) -> Contestant:
        """The one behind an id. Raises: BundleError, TeacherError."""
        if side == BUILTIN_SIDE:
            oracle = BuiltinTeacher()
            digest = oracle.status().version
            info = SideInfo(side, "builtin", "built-in oracle", digest, sees_pictures=True)
            return TeacherSide(info, oracle, self._pictures)
        source = next((one for one in self._sources.all() if one.id == StudentId(side)), None)
        if source is not None:
            return SourceSide(source, self._asking, self._pictures)
        if side.startswith(OLLAMA):
            found, teacher = self._on_server(side.removeprefix(OLLAMA), address)
            info = SideInfo(
                side,
                "ollama",
                found.name,
                found.digest.removeprefix("sha256:"),
                size_bytes=found.size_bytes,
                sees_pictures=found.sees_pictures,
            )
            return TeacherSide(info, teacher, self._pictures)
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
        return Judge(self._on_server(model, address)[1])

    def _on_server(self, name: str, address: str) -> tuple[TeacherModel, ServerTeacher]:
        called = self._address_of(address)
        status = server_status(called)
        if not status.reachable:
            raise TeacherUnavailable(status.message)
        for model in status.models:
            if full_name(model.name) == full_name(name):
                return model, server_teacher(name, called, status.protocol)
        known = ", ".join(model.name for model in status.models) or "none"
        remedy = f"Get it with `ollama pull {name}`." if status.protocol == "ollama" else ""
        raise TeacherModelMissing(
            f"The server at {status.address} has no model “{name}”; it has: {known}. "
            f"{remedy or 'Choose one of them.'}"
        )
