"""A workspace sends its students to the Hub and takes others in; a shared app does neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.bundles.hub import Hub, HubPlace
from model.bundles.hub_transfer import STOPPED_PUSH
from model.errors import ConfigError, HubError
from model.export_records import ExportStep
from model.serving.students import SHIPPED
from model.workspace import Workspace
from tests.hub_server import TOKEN, HubServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with HubServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield running


@pytest.fixture(scope="module")
def shipped(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "student"
    tiny_student.save(path)
    return path


def workspace(folder: Path, shipped: Path, **options: Any) -> Workspace:
    made = Workspace(folder, shipped=shipped, **options)
    made._store.set_setting("examples", "none")  # the everyday world's pictures take seconds
    return made


def test_what_one_workspace_pushes_another_loads_twice(
    server: HubServer, shipped: Path, tmp_path: Path
) -> None:
    there, here = (workspace(tmp_path / name, shipped) for name in ("there", "here"))
    assert there.hub().why_not() == ""
    job = there.hub().push(SHIPPED, " me/egg ", private=True, again=False, licence="mit")
    steps = list(job.events())
    assert steps[-1].kind == "done"
    assert "me/egg is on the Hub (private)" in steps[-2].words
    for _ in range(2):
        steps = list(here.hub().pull("me/egg").events())
        assert steps[-1].kind == "done", steps[-1].words
    students = here.students()
    assert [info.id for info in students[1:]] in (
        [["hub-egg", "hub-egg-2"], ["hub-egg-2", "hub-egg"]]
    )
    assert {info.weights_hash for info in students} == {students[0].weights_hash}


def test_without_a_token_the_page_says_what_is_missing(
    server: HubServer, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    hub = workspace(tmp_path, shipped).hub()
    assert "set HF_TOKEN" in hub.why_not()
    job = hub.push(SHIPPED, "me/egg", private=True, again=False, licence="")
    (error,) = [step for step in job.events() if step.kind == "error"]
    assert "set HF_TOKEN" in error.words


def test_a_shared_app_lends_its_token_to_nobody(
    server: HubServer, shipped: Path, tmp_path: Path
) -> None:
    hub = workspace(tmp_path, shipped, teacher_address="").hub()
    with pytest.raises(ConfigError, match="shared app"):
        hub.push(SHIPPED, "me/egg", private=True, again=False, licence="")
    with pytest.raises(ConfigError, match="shared app"):
        hub.pull("me/egg")
    assert server.asked == []


def test_a_stop_leaves_no_student_behind(server: HubServer, shipped: Path, tmp_path: Path) -> None:
    made = workspace(tmp_path, shipped)
    server.put("me/egg", {file.name: file.read_bytes() for file in shipped.iterdir()})
    job = made.hub().pull("me/egg")
    job.cancel()
    assert list(job.events())[-1].words.startswith("Stopped.")
    made.hub().cancel()
    assert len(made.students()) == 1


@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_stop_that_comes_too_late_is_not_said_to_have_worked(
    server: HubServer, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    made = workspace(tmp_path, shipped)
    whole = getattr(Hub, way)

    def late(*args: Any, **options: Any) -> HubPlace:
        place: HubPlace = whole(*args, **options)
        made.hub().cancel()
        return place

    monkeypatch.setattr(Hub, way, late)
    if way == "push":
        job = made.hub().push(SHIPPED, "me/egg", private=True, again=False, licence="")
    else:
        server.put("me/egg", {file.name: file.read_bytes() for file in shipped.iterdir()})
        job = made.hub().pull("me/egg")
    *_, last, end = job.events()
    assert end.kind == "done", end.words
    assert ("me/egg is on the Hub" if way == "push" else "is among your students") in last.words
    assert len(made.students()) == (1 if way == "push" else 2)


def test_a_stopped_push_says_what_stays_and_the_next_one_goes_on(
    server: HubServer, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = workspace(tmp_path, shipped).hub()
    whole = Hub.push

    def early(*args: Any, **options: Any) -> HubPlace:
        hub.cancel()
        return whole(*args, **options)

    def ending() -> ExportStep:
        job = hub.push(SHIPPED, "me/egg", private=True, again=False, licence="")
        return list(job.events())[-1]

    monkeypatch.setattr(Hub, "push", early)
    assert ending() == ExportStep("error", STOPPED_PUSH)
    assert server.repos["me/egg"].commits[-1][1] == {}
    monkeypatch.setattr(Hub, "push", whole)
    assert ending().kind == "done"


def test_a_stop_does_not_hide_why_a_push_failed(
    server: HubServer, shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = workspace(tmp_path, shipped).hub()

    def failing(*_: Any, **__: Any) -> HubPlace:
        hub.cancel()
        raise HubError("The Hub does not answer.")  # the commit may be there, or not

    monkeypatch.setattr(Hub, "push", failing)
    job = hub.push(SHIPPED, "me/egg", private=True, again=False, licence="")
    assert list(job.events()) == [ExportStep("error", "The Hub does not answer.")]


def test_no_name_is_told_at_once(server: HubServer, shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="owner/name"):
        workspace(tmp_path, shipped).hub().pull("  ")
