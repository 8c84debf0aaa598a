"""What every teacher on a server has in common, whatever the server speaks."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, ClassVar

from model.errors import ConfigError
from model.records import TeacherStatus
from model.teachers.base import Question, TeacherAnswer, whole

STATUS_LIMIT_S = 3.0


class ServerTeacher(ABC):
    """A model on a server: who asks gets its state in time, and answers whole or piece by piece."""

    name: str
    kind: ClassVar[str]
    """What the server is called in words."""

    @property
    @abstractmethod
    def address(self) -> str:
        """The base URL that is called. Raises: ConfigError if the address cannot be one."""

    @property
    @abstractmethod
    def written(self) -> str:
        """The address as a person wrote it."""

    @abstractmethod
    def _ask_status(self, address: str, deadline: float) -> TeacherStatus:
        """Reachability and models, before a deadline of the monotonic clock; never raises."""

    @abstractmethod
    def stream(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
        top_logprobs: int = 0,
    ) -> Generator[str, None, TeacherAnswer]:
        """Yield the answer piece by piece; the generator's return value is the whole of it.

        Closing the generator early closes the connection, and so ends the work on the server.
        Raises: the same as ``answer``, from whichever piece fails.
        """

    @abstractmethod
    def answer_key(
        self,
        question: Question,
        *,
        temperature: float,
        max_tokens: int,
        seed: int,
        format: dict[str, Any] | None = None,
    ) -> str:
        """SHA-256 over all that the answer depends on; never raises."""

    def status(self) -> TeacherStatus:
        """Reachability and models in at most 3 s; never raises."""
        try:
            address = self.address
        except ConfigError as error:
            return TeacherStatus(False, str(error), self.written)
        deadline = time.monotonic() + STATUS_LIMIT_S - 0.25
        found: list[TeacherStatus] = []
        # A name look-up knows no time limit, so the asking is done by a thread we can leave.
        asking = threading.Thread(
            target=lambda: found.append(self._ask_status(address, deadline)),
            daemon=True,
            name=f"{self.name}-status",
        )
        asking.start()
        asking.join(STATUS_LIMIT_S)
        if found:
            return found[0]
        return TeacherStatus(
            False,
            f"The {self.kind} at {address} did not answer within {STATUS_LIMIT_S:.0f} s. "
            "Check the address, or try again when it is less busy.",
            address,
        )

    def answer(
        self,
        question: Question,
        *,
        temperature: float = 0.7,
        max_tokens: int = 256,
        seed: int = 0,
        format: dict[str, Any] | None = None,
        top_logprobs: int = 0,
    ) -> TeacherAnswer:
        """The whole answer, without the teacher's thinking and without space around it.

        Raises: TeacherModelMissing or a plain TeacherError when asking again is of no use;
            TeacherUnavailable, TeacherTimeout or TeacherReplyInvalid when it may help.
        """
        return whole(
            self.stream(
                question,
                temperature=temperature,
                max_tokens=max_tokens,
                seed=seed,
                format=format,
                top_logprobs=top_logprobs,
            )
        )
