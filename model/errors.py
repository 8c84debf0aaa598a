"""Every error that a person may have to read, as one tree.

    ReasonerError              the user or the world: the message is shown to the person as it is
    ├── ConfigError            settings that contradict each other or lie outside their limits
    ├── InputError             a picture, a label or a prompt that cannot be used
    ├── GraphError             an edit of the knowledge graph that cannot be made
    │   └── StaleEditError     somebody else changed the same triplet in the meantime
    ├── TeacherError           the teacher did not give a usable answer
    │   ├── TeacherUnavailable     no server at the address, or it refuses us
    │   ├── TeacherModelMissing    the server does not have the model
    │   ├── TeacherTimeout         no byte for longer than the limit
    │   └── TeacherReplyInvalid    an answer that was cut off, malformed or empty
    ├── BundleError            a student on disk that cannot be used
    │   ├── BundleNotFound
    │   └── BundleIncompatible
    ├── DeployError            an Ollama server that does not take a student
    │   └── DeployConflict         it has a model of this name, and nobody said to replace it
    ├── HubError               the Hugging Face Hub did not take or give a student
    ├── RunError               a run that cannot be started, paused, resumed or found
    └── EngineBusy             more answers are waiting than the engine takes

A message says what, the number and the remedy. Mistakes in code are ``ValueError``,
``TypeError`` or ``assert``, never a ``ReasonerError``.
"""

from __future__ import annotations


class ReasonerError(Exception):
    """Something the person can understand and mostly also mend; the text is written for them."""


class ConfigError(ReasonerError):
    """Settings that contradict each other or lie outside their limits."""


class InputError(ReasonerError):
    """A picture, a label or a prompt that cannot be used."""


class GraphError(ReasonerError):
    """An edit of the knowledge graph that cannot be made."""


class StaleEditError(GraphError):
    """The triplet was changed by somebody else since it was read."""


class TeacherError(ReasonerError):
    """The teacher did not give a usable answer."""


class TeacherUnavailable(TeacherError):
    """No server answers at the address, or it refuses the request for now."""


class TeacherModelMissing(TeacherError):
    """The server answers but does not have the model that was asked for."""


class TeacherTimeout(TeacherError):
    """The teacher sent no byte for longer than the limit."""


class TeacherReplyInvalid(TeacherError):
    """The teacher's answer was cut off, malformed or empty."""


class BundleError(ReasonerError):
    """A student on disk that cannot be used."""


class BundleNotFound(BundleError):
    """There is no bundle in the folder."""


class BundleIncompatible(BundleError):
    """The bundle's parts do not fit each other or this version."""


class DeployError(ReasonerError):
    """An Ollama server did not take a student."""


class DeployConflict(DeployError):
    """The server has a model of this name already."""


class HubError(ReasonerError):
    """The Hugging Face Hub did not take or give a student."""


class RunError(ReasonerError):
    """A run that cannot be started, paused, resumed or found."""


class EngineBusy(ReasonerError):
    """More answers are waiting than the engine takes at once."""
