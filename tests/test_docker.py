"""The image's recipe, read as text: there is no container engine where the tests run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import app

PROJECT = Path(__file__).resolve().parent.parent
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (PROJECT / "compose.yaml").read_text(encoding="utf-8")


def _instructions() -> list[tuple[str, str]]:
    """(instruction, what follows) with continued lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.M).replace("\\\n", " ")
    lines = [line.strip().partition(" ") for line in text.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in lines]


def _environment() -> dict[str, str]:
    last = [rest for word, rest in _instructions() if word == "ENV"][-1]
    return dict(re.findall(r"(\w+)=(\S+)", last))


def test_every_instruction_is_one_that_docker_knows() -> None:
    known = set(
        [
            "FROM",
            "ARG",
            "ENV",
            "RUN",
            "COPY",
            "WORKDIR",
            "USER",
            "VOLUME",
            "EXPOSE",
            "HEALTHCHECK",
            "CMD",
        ]
    )
    assert {word for word, _ in _instructions()} <= known


def test_what_is_copied_exists_and_is_let_in() -> None:
    copied = [rest.split()[0] for word, rest in _instructions() if word == "COPY"]
    ours = [path for path in copied if not path.startswith("--from")]
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for path in ours:
        assert (PROJECT / path).exists(), path
        assert f"!{path}" in ignored, path


def test_all_that_the_app_imports_is_in_the_image() -> None:
    copied = {rest.split()[0] for word, rest in _instructions() if word == "COPY"}
    imports = re.findall(r"^(?:from|import) (\w+)", (PROJECT / "app.py").read_text(), re.M)
    for name in {"model", "webapp"} & set(imports):
        assert name in copied


def test_the_app_runs_as_a_person_without_rights_and_says_when_it_is_ill() -> None:
    words = [word for word, _ in _instructions()]
    assert words.index("USER") < words.index("CMD")
    user = dict(_instructions())["USER"]
    assert user != "root"
    assert f"useradd --create-home --uid 1000 {user}" in DOCKERFILE
    assert "HEALTHCHECK" in words


def test_the_environment_is_one_that_the_app_understands() -> None:
    code = "import app, json; o = app.parse_options([]); print(json.dumps(vars(o), default=str))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={"PATH": "", **_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    options = json.loads(done.stdout.splitlines()[-1])
    assert options["host"] == "0.0.0.0"
    assert options["port"] == 7860
    assert options["workspace"] == "/data/workspace"
    assert options["browser"] is False
    assert options["multi_user"] is False
    assert set(options) == set(vars(app.parse_options([])))


def test_volume_port_and_workspace_agree() -> None:
    found = dict(_instructions())
    assert _environment()["ITR_WORKSPACE"].startswith(f"{found['VOLUME']}/")
    assert found["EXPOSE"] == _environment()["ITR_PORT"]
    assert f":{found['EXPOSE']}" in COMPOSE
    assert f"workspace:{found['VOLUME']}" in COMPOSE
    assert "OLLAMA_HOST: http://ollama:11434" in COMPOSE
