"""Which protocol a server speaks, found by asking it: Ollama's, or OpenAI's."""

from __future__ import annotations

import time
from typing import Literal

from model.records import TeacherStatus
from model.teachers.ollama import OllamaTeacher
from model.teachers.openai_server import OpenAITeacher
from model.teachers.server_teacher import STATUS_LIMIT_S, ServerTeacher

ServerProtocol = Literal["ollama", "openai"]
IN_TIME_S = STATUS_LIMIT_S - 0.5
"""A server that said nothing for so long is not asked again in another protocol."""


def server_status(address: str) -> TeacherStatus:
    """Reachability, protocol and models of a server; at most some 6 s; never raises.

    A server that speaks both protocols is taken for Ollama, which tells more about its models.
    """
    started = time.monotonic()
    status = OllamaTeacher(address=address).status()
    if status.reachable or time.monotonic() - started > IN_TIME_S:
        return status
    other = OpenAITeacher(address=address).status()
    return other if other.reachable else status


def server_teacher(
    model: str, address: str, protocol: ServerProtocol, *, read_timeout_s: float = 600.0
) -> ServerTeacher:
    """A model of a server whose protocol is known."""
    if protocol == "openai":
        return OpenAITeacher(model, address, read_timeout_s=read_timeout_s)
    return OllamaTeacher(model, address, read_timeout_s=read_timeout_s)


def teacher_at(model: str, address: str, *, read_timeout_s: float = 600.0) -> ServerTeacher:
    """A model of a server that is asked now what it speaks; one that is away counts as Ollama."""
    protocol = server_status(address).protocol
    return server_teacher(model, address, protocol, read_timeout_s=read_timeout_s)
