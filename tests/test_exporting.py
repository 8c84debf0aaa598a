"""A workspace writes students for Ollama, pushes them, compares; a shared one only writes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from model.bundles.exporting import ExportWork
from model.bundles.ollama_bundle import OllamaBundle
from model.bundles.ollama_deploy import OllamaDeploy, Progress
from model.config import ExportConfig
from model.errors import BundleNotFound, ConfigError, DeployError
from model.export_records import ExportStep
from model.records import StudentId, TripletDraft
from model.serving.students import SHIPPED
from model.workspace import Workspace
from tests.ollama_server import OllamaServer

SMALL = ExportConfig(name="tiny", precision="f32", fact_tokens=60)


@pytest.fixture(scope="module")
def shipped(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "student"
    tiny_student.save(path)
    return path


def workspace(folder: Path, shipped: Path, **options: Any) -> Workspace:
    made = Workspace(folder, shipped=shipped, **options)
    made._store.set_setting("examples", "none")  # the everyday world's pictures take seconds
    made.add_triplet(TripletDraft("egg", "heat", "fried egg"))
    return made


def test_the_preview_is_what_the_export_holds(shipped: Path, tmp_path: Path) -> None:
    exports = workspace(tmp_path, shipped).exports()
    preview = exports.preview(SHIPPED, SMALL)
    assert (preview.name, preview.facts, preview.total_facts) == ("tiny", 1, 1)
    assert preview.text_only == ""
    steps = list(exports.export(SHIPPED, SMALL).events())
    assert steps[-1].kind == "done"
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    (packed,) = [step.path for step in steps if step.path]
    with zipfile.ZipFile(packed) as archive:
        assert "egg | heat | fried egg" in archive.read("tiny/Modelfile").decode()
        assert "tiny/mmproj.gguf" in archive.namelist()


def test_a_push_ends_with_rows_that_agree(shipped: Path, tmp_path: Path) -> None:
    exports = workspace(tmp_path, shipped).exports()
    with OllamaServer() as server:
        steps = list(exports.push(SHIPPED, SMALL, server.url, overwrite=False).events())
        again = list(exports.push(SHIPPED, SMALL, server.url, overwrite=False).events())
    assert steps[-1].kind == "done"
    rows = [step.row for step in steps if step.row]
    assert [row.pictures for row in rows] == [0, 0, 0, 1, 3]
    assert all(row.same_tokens == row.tokens for row in rows)
    assert again[-1].kind == "error"
    assert "already" in again[-1].words


def test_a_stop_after_the_model_was_made_ends_only_the_comparing(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = workspace(tmp_path, shipped).exports()
    whole = OllamaDeploy.push

    def late(server: OllamaDeploy, bundle: OllamaBundle, *, on_step: Progress, **how: Any) -> None:
        def heard(words: str, share: float) -> None:
            if words.startswith("Ollama:"):
                exports.cancel()
            on_step(words, share)

        whole(server, bundle, on_step=heard, **how)

    monkeypatch.setattr(OllamaDeploy, "push", late)
    with OllamaServer() as server:
        *steps, last, end = exports.push(SHIPPED, SMALL, server.url, overwrite=False).events()
        assert OllamaDeploy(server.url).has_model("tiny")
    assert end.kind == "done", end.words
    assert "ollama run tiny (the comparing was stopped)" in last.words
    assert [step for step in steps if step.row] == []


def test_visitors_of_a_shared_app_do_not_push(shipped: Path, tmp_path: Path) -> None:
    exports = workspace(tmp_path, shipped, teacher_address="").exports()
    with pytest.raises(ConfigError, match="shared app"):
        exports.push(SHIPPED, SMALL, "http://127.0.0.1:9", overwrite=True)


def test_a_student_that_is_not_there_is_refused_at_once(shipped: Path, tmp_path: Path) -> None:
    exports = workspace(tmp_path, shipped).exports()
    for name in ("nobody", "../up"):
        with pytest.raises(BundleNotFound):
            exports.export(StudentId(name), SMALL)


def test_a_stop_ends_the_export_and_tells_so() -> None:
    def work(job: ExportWork) -> None:
        job.cancel()
        job.put(ExportStep("step", "never heard"))

    steps = list(ExportWork(work).events())
    assert [step.kind for step in steps] == ["error"]
    assert "Stopped" in steps[0].words


def test_cancel_reaches_the_export_under_way_and_the_one_that_waits(
    shipped: Path, tmp_path: Path
) -> None:
    exports = workspace(tmp_path, shipped).exports()
    first, second = (exports.export(SHIPPED, SMALL) for _ in range(2))
    heard = first.events()
    next(heard)  # it works now
    exports.cancel()
    assert [step.words for step in heard if step.kind == "error"] == [
        "Stopped. Nothing half-written was left."
    ]
    assert list(second.events())[-1].words.startswith("Stopped.")
    assert list(exports.export(SHIPPED, SMALL).events())[-1].kind == "done"


def test_a_failure_is_told_in_its_own_words() -> None:
    def work(job: ExportWork) -> None:
        raise DeployError("The server is gone.")

    assert list(ExportWork(work).events()) == [ExportStep("error", "The server is gone.")]
