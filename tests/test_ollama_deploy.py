"""A student is put on an Ollama server: nothing sent twice, nothing overwritten unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.bundles.ollama_bundle import OllamaBundle, sha256_of
from model.bundles.ollama_deploy import OllamaDeploy
from model.bundles.parity import TEMPLATE_ROW, Probe, compare
from model.errors import ConfigError, DeployConflict, DeployError, TeacherError
from tests.ollama_blobs import Said
from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults
from tests.small import picture

PROBES = (
    Probe("What is this?"),
    Probe("What is this?", (picture("red"),)),
    Probe(
        "What happened?",
        (picture("red"), picture("blue", (20, 50)), picture("green")),
        ("what", "action", "result"),
    ),
)


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


@pytest.fixture(scope="module")
def bundle(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> OllamaBundle:
    path = tmp_path_factory.mktemp("export") / "tiny"
    made: OllamaBundle = tiny_student.export_ollama_bundle(
        path, [("egg", "heat", "fried egg")], name="tiny", precision="f32", licence="MIT"
    )
    return made


def posts(server: OllamaServer) -> list[str]:
    return [request.path.split(":")[0] for request in server.requests if request.method == "POST"]


def test_a_push_sends_both_files_and_creates_the_model(
    server: OllamaServer, bundle: OllamaBundle
) -> None:
    heard: list[tuple[str, float]] = []
    OllamaDeploy(server.url).push(bundle, on_step=lambda *step: heard.append(step))
    assert posts(server) == ["/api/blobs/sha256", "/api/blobs/sha256", "/api/create"]
    made = server.blobs.made["tiny:latest"]
    assert made.files == {file.name: file.read_bytes() for file in bundle.files}
    assert made.body["system"] == "Facts:\negg | heat | fried egg"
    assert made.body["parameters"]["stop"] == ["<|im_end|>"]
    assert made.body["license"] == "MIT"
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert heard[-1][0] == "Ollama: success"


def test_what_the_server_has_is_not_sent_again(server: OllamaServer, bundle: OllamaBundle) -> None:
    words = bundle.files[0]
    server.blobs.kept[f"sha256:{sha256_of(words)}"] = words.read_bytes()
    OllamaDeploy(server.url).push(bundle)
    assert posts(server) == ["/api/blobs/sha256", "/api/create"]


def test_a_model_that_is_there_is_replaced_only_with_a_yes(
    server: OllamaServer, bundle: OllamaBundle
) -> None:
    deploy = OllamaDeploy(server.url)
    deploy.push(bundle)
    with pytest.raises(DeployConflict, match="“tiny” already"):
        deploy.push(bundle)
    assert posts(server).count("/api/create") == 1
    deploy.push(bundle, overwrite=True)
    assert posts(server).count("/api/create") == 2


def test_a_refusal_in_the_middle_of_the_stream_is_told(
    server: OllamaServer, bundle: OllamaBundle
) -> None:
    server.blobs.fail_create = "llama-quantize failed: exit status 1"
    with pytest.raises(DeployError, match="llama-quantize failed"):
        OllamaDeploy(server.url).push(bundle)


def test_a_broken_file_is_refused_with_the_servers_words(
    server: OllamaServer, bundle: OllamaBundle, tmp_path: Path
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"not a gguf at all")
    broken = OllamaBundle(tmp_path, bundle.recipe, (tmp_path / "model.gguf",), 0, 0, "")
    with pytest.raises(DeployError, match="not in GGUF format"):
        OllamaDeploy(server.url).push(broken)


def test_no_server_is_told_with_its_address(bundle: OllamaBundle) -> None:
    with pytest.raises(DeployError, match=r"127\.0\.0\.1:9 does not answer"):
        OllamaDeploy("127.0.0.1:9").push(bundle)


def test_what_is_no_ollama_server_is_told(bundle: OllamaBundle) -> None:
    faults = Faults(replies={"/api/tags": (200, b"<html>hello</html>")})
    with (
        OllamaServer(faults=faults) as server,
        pytest.raises(DeployError, match="may not be an Ollama server"),
    ):
        OllamaDeploy(server.url).push(bundle)


def test_a_server_that_turns_us_away_is_told() -> None:
    faults = Faults(replies={"/api/tags": (403, b"")})
    with OllamaServer(faults=faults) as server, pytest.raises(TeacherError, match="403"):
        OllamaDeploy(server.url).has_model("tiny")


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="ftp://"):
        OllamaDeploy("ftp://here")


def test_the_server_and_the_app_say_the_same_token_for_token(
    server: OllamaServer, bundle: OllamaBundle, tiny_student: Any
) -> None:
    deploy = OllamaDeploy(server.url)
    deploy.push(bundle)
    template, *rows = compare(tiny_student, deploy, bundle.recipe, PROBES)
    assert (template.prompt, template.same_tokens) == (TEMPLATE_ROW, 1)
    assert [row.pictures for row in rows] == [0, 1, 3]
    for row in rows:
        assert row.tokens > 0
        assert row.ours == row.theirs
        assert row.same_tokens == row.tokens
        assert row.gap is None or row.gap < 1e-5


def test_other_words_are_counted_up_to_where_they_part(
    server: OllamaServer, bundle: OllamaBundle, tiny_student: Any
) -> None:
    honest = server.blobs.speak

    def liar(*asked: Any) -> Said:
        text, drawn = honest(*asked)
        told = [(token, chance - 0.25) for token, chance in drawn[:3]]
        return f"{text} zzz", [*told, ("zzz", -1.0)]

    server.blobs.speak = liar
    deploy = OllamaDeploy(server.url)
    deploy.push(bundle)
    *_, row = compare(tiny_student, deploy, bundle.recipe, PROBES[:1])
    assert row.same_tokens == 3
    assert row.gap == pytest.approx(0.25)
    assert row.theirs.endswith("zzz")


def test_a_server_that_fails_at_a_question_gives_a_row_that_says_so(
    server: OllamaServer, bundle: OllamaBundle, tiny_student: Any
) -> None:
    deploy = OllamaDeploy(server.url)
    deploy.push(bundle)
    server.faults.replies["/api/generate"] = (500, b'{"error":"Chunk not found"}')
    *_, row = compare(tiny_student, deploy, bundle.recipe, PROBES[1:2])
    assert row.same_tokens == 0
    assert "Chunk not found" in row.theirs


def test_another_template_is_seen(
    server: OllamaServer, bundle: OllamaBundle, tiny_student: Any
) -> None:
    deploy = OllamaDeploy(server.url)
    deploy.push(bundle)
    server.blobs.made["tiny:latest"].body["template"] = "{{ .Prompt }}"
    template = next(iter(compare(tiny_student, deploy, bundle.recipe, PROBES)))
    assert template.same_tokens == 0
