from __future__ import annotations

import inspect
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from filelock import FileLock
from starlette.testclient import TestClient

import app
from model.jobs.jobs import worker_lock
from model.jobs.vote_jobs import update_lock
from model.model import ImageTokenReasoningLLM
from model.paths import database
from model.records import RunId, TripletDraft
from model.serving.engine import Engine
from model.serving.ollama_door import OllamaDoor
from model.visitors import LIFETIME_S, Visitors
from webapp.space_hint import space_hint_html
from webapp.visitor_cookie import COOKIE, VisitorCookie


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.parse_options(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in (
        "host",
        "port",
        "workspace",
        "student",
        "auth",
        "multi-user",
        "no-browser",
        "ollama-api",
    ):
        assert f"--{option}" in text


def test_the_environment_gives_the_defaults_and_the_command_line_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in (
        ("ITR_HOST", "127.0.0.5"),
        ("ITR_PORT", "9001"),
        ("ITR_WORKSPACE", str(tmp_path)),
        ("ITR_AUTH", "me:secret"),
        ("ITR_MULTI_USER", "yes"),
        ("ITR_BROWSER", "0"),
    ):
        monkeypatch.setenv(name, value)
    options = app.parse_options([])
    assert (options.host, options.port, options.workspace) == ("127.0.0.5", 9001, tmp_path)
    assert options.auth == "me:secret"
    assert options.multi_user
    assert not options.browser
    assert app.parse_options(["--port", "9002", "--no-multi-user"]).port == 9002
    assert not app.parse_options(["--no-multi-user"]).multi_user


def test_a_space_is_for_many_users_and_opens_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/something")
    options = app.parse_options([])
    assert options.multi_user
    assert options.host == "0.0.0.0"
    assert not options.browser


def test_ollamas_api_is_off_among_many_visitors_unless_the_operator_wants_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert app.parse_options([]).ollama_api is True
    assert app.parse_options(["--no-ollama-api"]).ollama_api is False
    assert app.parse_options(["--multi-user"]).ollama_api is False
    assert app.parse_options(["--multi-user", "--ollama-api"]).ollama_api is True
    monkeypatch.setenv("ITR_OLLAMA_API", "yes")
    assert app.parse_options(["--multi-user"]).ollama_api is True
    monkeypatch.setenv("ITR_OLLAMA_API", "0")
    assert app.parse_options([]).ollama_api is False
    assert app.parse_options(["--ollama-api"]).ollama_api is True


def test_the_api_lies_before_the_page_and_gives_visitors_students_to_nobody(
    shipped: Path, tmp_path: Path
) -> None:
    visitors = Visitors(tmp_path / "all", multi_user=True, shipped=shipped)
    shutil.copytree(shipped, visitors.workspace("ann").folder / "students" / "anns-own")
    layers = app.layers(app.parse_options(["--multi-user", "--ollama-api"]), visitors)
    assert [layer.cls for layer in layers] == [OllamaDoor, VisitorCookie]
    client = TestClient(layers[0].kwargs["api"], base_url="http://127.0.0.1:7860")
    names = [model["name"] for model in client.get("/api/tags").json()["models"]]
    assert names == ["shipped:latest"]
    assert app.layers(app.parse_options(["--no-ollama-api"]), visitors) == []
    visitors.close()


def test_a_password_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app.parse_options(["--auth", "secret"])
    assert "USER:PASSWORD" in capsys.readouterr().err


def test_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(app, "FIRST_PORT", port)
        monkeypatch.setattr(app, "LAST_PORT", port + 50)
        assert port < app.free_port("127.0.0.1", 0) <= port + 50
        monkeypatch.setattr(app, "LAST_PORT", port)
        with pytest.raises(SystemExit, match="choose one with --port"):
            app.free_port("127.0.0.1", 0)
    assert app.free_port("127.0.0.1", 8123) == 8123


def _headers(path: str, cookie: str = "", *, framed: bool = False) -> dict[bytes, bytes]:
    sent: list[dict[str, Any]] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": "http", "path": path, "headers": headers}
    # nothing in it waits, so one step runs it to its end, whatever loop the browser tests left open
    with suppress(StopIteration):
        VisitorCookie(inner, framed=framed)(scope, None, send).send(None)
    return dict(sent[0]["headers"])


def test_a_new_visitor_gets_a_name_that_cannot_be_guessed() -> None:
    first, second = _headers("/")[b"set-cookie"], _headers("/")[b"set-cookie"]
    assert first != second
    assert b"HttpOnly" in first
    assert b"SameSite=Lax" in first
    assert b"Secure" in _headers("/", framed=True)[b"set-cookie"]


def test_a_known_visitor_keeps_the_name_and_files_set_none() -> None:
    assert not _headers("/", f"{COOKIE}=abc; other=1")
    assert not _headers("/gradio_api/file=x")
    assert _headers("/", "other=1")


def test_an_odd_cookie_of_another_app_costs_nobody_their_workspace() -> None:
    assert not _headers("/", f'consent={{"a":"b"}}; {COOKIE}=abc')
    assert _headers("/", 'consent={"a":"b"}')


@pytest.fixture
def shipped(tiny_student: ImageTokenReasoningLLM, tmp_path: Path) -> Path:
    tiny_student.save(tmp_path / "student")
    return tmp_path / "student"


def test_visitors_do_not_see_each_other(shipped: Path, tmp_path: Path) -> None:
    visitors = Visitors(tmp_path / "all", multi_user=True, shipped=shipped)
    ann, ben = visitors.workspace("ann"), visitors.workspace("ben/../../ann")
    ann.add_triplet(TripletDraft("key", "gild", "mirror"))
    assert visitors.workspace("ann") is ann
    assert ben.triplets("gild").total == 0
    assert ann.triplets("gild").total == 1
    assert ben.folder.parent == ann.folder.parent == tmp_path / "all" / "visitors"


def test_one_user_has_one_workspace_whoever_asks(shipped: Path, tmp_path: Path) -> None:
    visitors = Visitors(tmp_path / "mine", multi_user=False, shipped=shipped)
    assert visitors.workspace("ann") is visitors.workspace("ben")
    assert visitors.workspace().folder == tmp_path / "mine"


def test_a_workspace_unused_for_a_lifetime_is_forgotten(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitors = Visitors(tmp_path / "all", multi_user=True, shipped=shipped)
    old = visitors.workspace("ann").folder
    now = time.time()
    monkeypatch.setattr("model.visitors.time.time", lambda: now + LIFETIME_S + 1)
    new = visitors.workspace("ben").folder
    assert new.is_dir()
    assert not old.exists()


def _left_alone(folder: Path, age_s: float) -> None:
    """Make a workspace look as if nothing in it was written for so long."""
    then = time.time() - age_s
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))


def test_after_a_restart_a_workspace_that_was_written_to_lately_is_kept(
    shipped: Path, tmp_path: Path
) -> None:
    visitors = Visitors(tmp_path / "all", multi_user=True, shipped=shipped)
    used, unused = (visitors.workspace(name).folder for name in ("ann", "ben"))
    visitors.close()
    for folder in (used, unused):
        _left_alone(folder, LIFETIME_S + 1)
    os.utime(database(used))  # writing into a file leaves its folder's time as it is
    Visitors(tmp_path / "all", multi_user=True, shipped=shipped).workspace("cleo")
    assert used.is_dir()
    assert not unused.exists()


@pytest.mark.parametrize(
    "take", [lambda folder: worker_lock(folder, RunId("r1")), update_lock], ids=["run", "votes"]
)
def test_a_workspace_is_kept_while_a_worker_is_busy_in_it(
    take: Callable[[Path], FileLock], shipped: Path, tmp_path: Path
) -> None:
    visitors = Visitors(tmp_path / "all", multi_user=True, shipped=shipped)
    folder = visitors.workspace("ann").folder
    visitors.close()
    with take(folder):
        _left_alone(folder, LIFETIME_S + 1)
        Visitors(tmp_path / "all", multi_user=True, shipped=shipped).workspace("ben")
        assert folder.is_dir()
    _left_alone(folder, LIFETIME_S + 1)
    Visitors(tmp_path / "all", multi_user=True, shipped=shipped).workspace("cleo")
    assert not folder.exists()


def test_on_a_space_the_page_says_how_to_get_one_of_ones_own() -> None:
    html = space_hint_html("someone/a-space")
    assert "https://huggingface.co/spaces/someone/a-space?duplicate=true" in html
    assert space_hint_html("") == ""
    assert space_hint_html("<script>/x") == "", "the name is not trusted"


def test_a_function_is_marked_where_a_gpu_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[Any] = []
    spaces = ModuleType("spaces")
    spaces.__spec__ = ModuleSpec("spaces", None)
    spaces.GPU = lambda duration: marked.append  # type: ignore[attr-defined]
    assert app.mark_for_gpu() is False
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    assert app.mark_for_gpu() is True
    assert marked == [app.torch_device]
    assert app.torch_device()


def test_every_answer_that_may_be_open_has_a_thread_and_some_are_left() -> None:
    engine = inspect.signature(Engine.__init__).parameters
    open_answers = engine["max_rows"].default + engine["max_waiting"].default
    assert open_answers + 40 <= app.MOST_AT_WORK
