"""A student goes to the Hub and comes back the same; whatever is in the way is told in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.bundles.bundle import CONFIG, WEIGHTS, read_bundle
from model.bundles.hub import Hub, folder_name
from model.errors import BundleIncompatible, BundleNotFound, HubError
from model.model import ImageTokenReasoningLLM
from tests.hub_server import TOKEN, HubServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with HubServer() as running:
        yield running


@pytest.fixture
def hub(server: HubServer) -> Hub:
    return Hub(TOKEN, server.url)


@pytest.fixture(scope="module")
def bundle(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "student"
    tiny_student.save(path)
    return path


def there(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_student_comes_back_as_it_went(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path
) -> None:
    heard: list[tuple[str, float]] = []
    place = hub.push(bundle, "egg", licence="MIT", on_step=lambda *step: heard.append(step))
    assert place.repo == "me/egg"
    assert server.repos["me/egg"].private
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    heard.clear()
    back = hub.pull("me/egg", tmp_path / "back", on_step=lambda *step: heard.append(step))
    assert back.commit == place.commit
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert any(words.startswith(f"Fetching {WEIGHTS}") for words, _ in heard)
    assert (tmp_path / "back" / WEIGHTS).read_bytes() == (bundle / WEIGHTS).read_bytes()
    card = read_bundle(tmp_path / "back").card
    assert card.origin.endswith(f"from the Hub, me/egg at {place.commit[:7]}")
    ours, theirs = (ImageTokenReasoningLLM.load_from_bundle(p) for p in (bundle, back_to(tmp_path)))
    assert ours.generate("What is this?") == theirs.generate("What is this?")
    assert {path.name for path in tmp_path.iterdir()} == {"back"}


def back_to(tmp_path: Path) -> Path:
    return tmp_path / "back"


def test_the_card_tells_the_weights_the_data_and_the_limits(
    hub: Hub, server: HubServer, bundle: Path
) -> None:
    hub.push(bundle, "me/egg", licence="Apache-2.0")
    text = server.repos["me/egg"].commits[-1][1]["README.md"].decode()
    _, header, body = text.split("---\n", 2)
    values = yaml.safe_load(header)
    assert values["license"] == "apache-2.0"
    assert values["pipeline_tag"] == "image-text-to-text"
    for words in (read_bundle(bundle).weights_hash, "What it learned from", "Limits", "me/egg"):
        assert words in body


def test_a_second_push_needs_a_yes_and_is_one_more_commit(
    hub: Hub, server: HubServer, bundle: Path
) -> None:
    hub.push(bundle, "egg")
    with pytest.raises(HubError, match="me/egg is on the Hub already"):
        hub.push(bundle, "egg")
    sent = len([asked for asked in server.asked if asked.startswith("PUT /lfs/")])
    hub.push(bundle, "egg", again=True)
    assert len(server.repos["me/egg"].commits) == 3
    assert len([asked for asked in server.asked if asked.startswith("PUT /lfs/")]) == sent


@pytest.mark.parametrize("made_with", [{}, {".gitattributes": b"*.safetensors lfs"}])
def test_an_empty_repository_takes_a_student_without_a_yes(
    hub: Hub, server: HubServer, bundle: Path, made_with: dict[str, bytes]
) -> None:
    server.put("me/egg", made_with, private=True)
    hub.push(bundle, "egg")
    assert WEIGHTS in server.repos["me/egg"].commits[-1][1]
    server.put("me/open", made_with)
    with pytest.raises(HubError, match="public"):
        hub.push(bundle, "open")


def test_a_private_student_never_lands_in_a_public_place(
    hub: Hub, server: HubServer, bundle: Path
) -> None:
    server.put("me/open", {})
    with pytest.raises(HubError, match="public"):
        hub.push(bundle, "me/open", again=True)
    assert len(server.repos["me/open"].commits) == 2
    hub.push(bundle, "me/open", again=True, private=False)
    assert len(server.repos["me/open"].commits) == 3


def test_an_old_revision_can_be_asked_for(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path
) -> None:
    first = hub.push(bundle, "egg")
    server.put("me/egg", {CONFIG: b"{}"}, private=True)
    hub.pull("me/egg", tmp_path / "old", revision=first.commit)
    assert read_bundle(tmp_path / "old").weights_hash == read_bundle(bundle).weights_hash
    with pytest.raises(HubError, match="no revision “v9”"):
        hub.pull("me/egg", tmp_path / "none", revision="v9")


def test_a_llama_of_the_hub_becomes_a_student(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path
) -> None:
    files = there(bundle)
    values = json.loads(files[CONFIG])
    del values["image_token_reasoning"]
    server.put("them/llama", {**files, CONFIG: json.dumps(values).encode()})
    hub.pull("them/llama", tmp_path / "llama")
    card = read_bundle(tmp_path / "llama").card
    assert card.name == "llama"
    assert "the Hub, them/llama at " in card.origin
    assert "eyes are new" in card.origin


# ── what can be in the way ──────────────────────────────────────────────────────────────────────


def test_without_a_token_nothing_is_sent(server: HubServer, bundle: Path) -> None:
    with pytest.raises(HubError, match="set HF_TOKEN"):
        Hub("", server.url).push(bundle, "egg")
    assert server.asked == []


def test_without_a_token_a_public_student_is_pulled_and_a_private_one_is_not(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path
) -> None:
    server.put("them/open", there(bundle))
    server.put("me/closed", there(bundle), private=True)
    stranger = Hub("", server.url)
    stranger.pull("them/open", tmp_path / "open")
    with pytest.raises(HubError, match="set HF_TOKEN if it is private"):
        stranger.pull("me/closed", tmp_path / "closed")
    assert not (tmp_path / "closed").exists()


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ("POST /api/repos/create", 401, "does not know the token"),
        ("POST /api/repos/create", 403, "may not write to"),
        ("POST /api/models/me/egg/commit", 409, "somebody else at the same time"),
        ("POST /api/models/me/egg/commit", 403, "may not write to"),
        ("PUT /lfs/", 403, "403"),
        ("POST /api/models/me/egg/commit", 400, "told to fail with 400"),
    ],
)
def test_refusals_of_a_push_are_told(
    hub: Hub, server: HubServer, bundle: Path, asked: str, status: int, words: str
) -> None:
    server.fail[asked] = status
    with pytest.raises(HubError, match=words):
        hub.push(bundle, "me/egg")


def test_the_name_of_another_is_refused(hub: Hub, bundle: Path) -> None:
    with pytest.raises(HubError, match="may not write to them/egg"):
        hub.push(bundle, "them/egg")


@pytest.mark.parametrize("name", ["two words", "a/b/c", "../up", "x" * 120])
def test_what_is_no_name_is_told(hub: Hub, bundle: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(HubError, match="not a name on the Hub"):
        hub.pull(name, tmp_path / "x")


def test_what_is_not_there_is_told(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"nobody/nothing is not on the Hub.*\(404\)"):
        hub.pull("nobody/nothing", tmp_path / "x")


def test_no_network_is_told(bundle: Path, tmp_path: Path, server: HubServer) -> None:
    away = Hub(TOKEN, "http://127.0.0.1:9")
    for work in (lambda: away.push(bundle, "egg"), lambda: away.pull("a/b", tmp_path / "x")):
        with pytest.raises(HubError, match="does not answer"):
            work()


def test_an_offline_machine_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: HubServer
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="set to be offline"):
        Hub(TOKEN, server.url).pull("a/b", tmp_path / "x")


def test_what_holds_no_student_is_refused_before_the_download(
    hub: Hub, server: HubServer, tmp_path: Path
) -> None:
    server.put("them/data", {"README.md": b"hello", CONFIG: b"{}"})
    with pytest.raises(BundleIncompatible, match=f"holds no student: .*{WEIGHTS}"):
        hub.pull("them/data", tmp_path / "x")
    assert not any("/resolve/" in asked for asked in server.asked)


def test_other_weights_than_the_config_names_are_refused(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path
) -> None:
    server.put("them/mixed", {**there(bundle), WEIGHTS: b"not these"})
    with pytest.raises(BundleIncompatible, match="not those that"):
        hub.pull("them/mixed", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_too_large_a_student_is_refused_before_the_download(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.bundles.hub.MOST_BYTES", 1000)
    server.put("them/large", there(bundle))
    with pytest.raises(HubError, match="room for"):
        hub.pull("them/large", tmp_path / "x")


def test_a_folder_without_a_student_is_not_pushed(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound):
        hub.push(tmp_path, "egg")


@pytest.mark.parametrize("to", ["push", "pull"])
def test_a_stop_in_the_middle_leaves_nothing_in_the_way(
    hub: Hub, server: HubServer, bundle: Path, tmp_path: Path, to: str
) -> None:
    class Stop(Exception):
        pass

    def stop(words: str, share: float) -> None:
        if WEIGHTS in words:
            raise Stop

    if to == "push":
        with pytest.raises((Stop, RuntimeError)):
            hub.push(bundle, "egg", on_step=stop)
        assert server.repos["me/egg"].commits[-1][1] == {}
        hub.push(bundle, "egg")
        assert WEIGHTS in server.repos["me/egg"].commits[-1][1]
    else:
        server.put("them/egg", there(bundle))
        with pytest.raises(Stop):
            hub.pull("them/egg", tmp_path / "x", on_step=stop)
        assert list(tmp_path.iterdir()) == []


def test_a_folder_is_named_after_the_repository() -> None:
    assert folder_name("me/My student!") == "hub-My-student"
    assert folder_name("me/..") == "hub-student"
