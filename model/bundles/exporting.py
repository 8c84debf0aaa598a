"""Students of one workspace on their way out: each export is a thread with a queue of steps.

Importing this file imports no torch. The student is loaded a second time for it, because the one
that answers belongs to its engine, and adapters are folded in.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from model import paths
from model.bundles.bundle import read_bundle
from model.config import ExportConfig
from model.errors import ConfigError, ReasonerError
from model.export_records import ExportJob, ExportPreview, ExportStep
from model.knowledge.store import Store
from model.records import ROLES, StudentId, Triplet
from model.serving.students import Students

if TYPE_CHECKING:
    from model.bundles.ollama_bundle import OllamaBundle
    from model.bundles.parity import Probe
    from model.model import ImageTokenReasoningLLM

log = logging.getLogger(__name__)

MOST_FACTS = 100_000
"""Triplets of a graph that go along."""
STOPPED = "Stopped. Nothing half-written was left."
_EXAMPLE = "egg-heat"
_SHARE_OF_WRITING = 0.3
"""Of a push; sending takes the next half, comparing the rest."""
_SHARE_OF_SENDING = 0.5
_TURN_S = 0.2
"""How often an export that waits looks whether it is still wanted."""


class _Cancelled(Exception):
    """Somebody pressed stop."""


class ExportWork:
    """One export under way; fulfils ``export_records.ExportJob``."""

    def __init__(self, work: Callable[[ExportWork], None], stopped: str = STOPPED) -> None:
        """``stopped`` says what a stop leaves behind."""
        self._steps: queue.SimpleQueue[ExportStep] = queue.SimpleQueue()
        self._stopped = stopped
        self._stop = threading.Event()
        threading.Thread(target=self._run, args=(work,), name="export", daemon=True).start()

    def events(self) -> Iterator[ExportStep]:
        """Yield steps until ``done`` or ``error``."""
        while True:
            step = self._steps.get()
            yield step
            if step.kind in ("done", "error"):
                return

    def cancel(self) -> None:
        """Stop before the next file, block of bytes or prompt."""
        self._stop.set()

    def put(self, step: ExportStep) -> None:
        """Tell the reader; only the export itself calls this. Raises: _Cancelled after a stop."""
        self.check()
        self._steps.put(step)

    def tell(self, step: ExportStep) -> None:
        """Tell the reader, whoever pressed stop: what the step is about cannot be taken back."""
        self._steps.put(step)

    @property
    def stopped(self) -> bool:
        """Whether somebody pressed stop."""
        return self._stop.is_set()

    def check(self) -> None:
        """Go on only if nobody pressed stop. Raises: _Cancelled."""
        if self.stopped:
            raise _Cancelled

    def _run(self, work: Callable[[ExportWork], None]) -> None:
        ending = ExportStep("error", "The export failed; the log says why. Try again.")
        try:
            work(self)
            ending = ExportStep("done", share=1.0)
        except _Cancelled:
            ending = ExportStep("error", self._stopped)
        except ReasonerError as error:
            ending = ExportStep("error", str(error))
        finally:
            self._steps.put(ending)


class Exporting:
    """Exports the students of one workspace, with its graph."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        students: Students,
        graph_is_filled: Callable[[], None],
        *,
        may_push: bool,
    ) -> None:
        """Exports are written below ``folder``; visitors of a shared app may not push them."""
        self._folder, self._store, self._students = folder, store, students
        self._graph_is_filled, self._may_push = graph_is_filled, may_push
        self._one_at_a_time = threading.Lock()
        self._open: set[ExportWork] = set()

    def cancel(self) -> None:
        """Stop every export of this workspace that is under way or waits for its turn."""
        for job in list(self._open):
            job.cancel()

    def preview(self, student: StudentId, config: ExportConfig) -> ExportPreview:
        """What an export would hold. Raises: BundleError, ConfigError."""
        from model.bundles.gguf_vision import why_text_only
        from model.bundles.ollama_bundle import choose_facts, model_name
        from model.network.text_tokenizer import TextTokenizer

        bundle = read_bundle(self._students.path(student))
        graph = self._graph()
        tokenizer = TextTokenizer.from_json(bundle.tokenizer_json)
        reads = bundle.config.decoder.max_position_embeddings
        lines, taken = choose_facts(tokenizer, reads, config, graph)
        name = model_name(config.name or bundle.card.name)
        why = why_text_only(bundle.config.vision)
        return ExportPreview(name, len(lines), taken, len(graph), why)

    def export(self, student: StudentId, config: ExportConfig) -> ExportJob:
        """Write a student for Ollama and pack the folder as a ZIP, which the step ``file`` names.

        Raises: BundleError at once for a student that is not there.
        """
        path = self._students.path(student)
        read_bundle(path)

        def work(job: ExportWork) -> None:
            from model.bundles.ollama_bundle import zip_folder

            bundle, _ = self._write(job, path, config, 0.9)
            job.put(ExportStep("step", "Packing the ZIP", 0.95))
            packed = zip_folder(bundle.path, bundle.path.with_suffix(".zip"))
            words = f"{packed.name}: {packed.stat().st_size / 2**20:.1f} MB, {bundle.facts} facts"
            job.tell(ExportStep("file", words, 1.0, path=packed))

        return ExportWork(lambda job: self._alone(job, work))

    def push(
        self, student: StudentId, config: ExportConfig, address: str, *, overwrite: bool
    ) -> ExportJob:
        """Export a student, send it to an Ollama server, and compare what the two say.

        Raises: ConfigError at once where pushing is not allowed, or for an address that is none;
            BundleError for a student that is not there.
        """
        if not self._may_push:
            raise ConfigError(
                "A shared app does not push students to its server. Download the ZIP and run the "
                "command in its README."
            )
        from model.bundles.ollama_deploy import OllamaDeploy

        path = self._students.path(student)
        read_bundle(path)
        server = OllamaDeploy(address.strip() or paths.ollama_host())

        def work(job: ExportWork) -> None:
            from model.bundles.parity import compare

            bundle, loaded = self._write(job, path, config, _SHARE_OF_WRITING)

            def told(words: str, share: float) -> None:
                # all is sent and the model is being made: hanging up now may come too late
                tell = job.put if share < 1 else job.tell
                whole = _SHARE_OF_WRITING + share * _SHARE_OF_SENDING
                tell(ExportStep("step", words, whole))

            server.push(bundle, overwrite=overwrite, on_step=told)
            probes = _probes(sees=not bundle.text_only)
            done = _SHARE_OF_WRITING + _SHARE_OF_SENDING
            words = f"{bundle.recipe.name} is on {server.address}: ollama run {bundle.recipe.name}"
            for row in compare(loaded, server, bundle.recipe, probes):
                if job.stopped:
                    words += " (the comparing was stopped)"
                    break
                job.tell(ExportStep("row", "Comparing answers", done, row=row))
                done += (1 - done) / 2
            job.tell(ExportStep("step", words, 1.0))

        return ExportWork(lambda job: self._alone(job, work))

    def _alone(self, job: ExportWork, work: Callable[[ExportWork], None]) -> None:
        """Two exports of one workspace would write into the same folder: they wait their turn."""
        self._open.add(job)
        try:
            if not self._one_at_a_time.acquire(blocking=False):
                job.put(ExportStep("step", "Waiting for the export before this one", 0.0))
                while not self._one_at_a_time.acquire(timeout=_TURN_S):
                    job.check()
            try:
                work(job)
            finally:
                self._one_at_a_time.release()
        finally:
            self._open.discard(job)

    def _graph(self) -> Sequence[Triplet]:
        self._graph_is_filled()
        return self._store.triplets("", limit=MOST_FACTS, order="oldest").items

    def _write(
        self, job: ExportWork, path: Path, config: ExportConfig, share: float
    ) -> tuple[OllamaBundle, ImageTokenReasoningLLM]:
        """Write the folder as the first ``share`` of the work; returns it and what is in it."""
        job.put(ExportStep("step", "Loading the student", 0.0))
        # torch takes a second to import; the page does not wait for it
        from model.bundles.ollama_bundle import model_name, without_adapters, write_ollama_bundle
        from model.model import ImageTokenReasoningLLM

        student = without_adapters(ImageTokenReasoningLLM.load_from_bundle(path))
        bundle = write_ollama_bundle(
            student,
            self._folder / model_name(config.name or student.card.name),
            config,
            weights_hash=read_bundle(path).weights_hash,
            graph=self._graph(),
            on_step=lambda words, done: job.put(ExportStep("step", words, done * share)),
        )
        return bundle, student


def _probes(*, sees: bool) -> list[Probe]:
    """What the app and the server are asked after a push; pictures are those of an example."""
    from model.bundles.parity import Probe

    asked = [Probe("What happens if I heat an egg?"), Probe("What can you do?")]
    if sees:
        folder = paths.ASSETS / "examples"
        shown = [Image.open(folder / f"{_EXAMPLE}-{role}.png").convert("RGB") for role in ROLES]
        asked.append(Probe("What is this?", (shown[0],)))
        asked.append(Probe("What happened here?", tuple(shown), ROLES))
    return asked
