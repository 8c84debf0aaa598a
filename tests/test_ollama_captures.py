"""Recorded pairs of a genuine Ollama server (0.33.0-rc2), replayed against the app's API.

Same status, same content type, same keys and types in JSON; error bodies letter for letter. What
differs does so deliberately and is listed here with its reason; ``docs/OLLAMA.md`` tells the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from model.model import ImageTokenReasoningLLM
from tests.ollama_api_client import client_of, students_in

RECORDED = {
    capture["name"]: capture
    for capture in map(
        json.loads,
        (Path(__file__).parent / "captures_replayed.jsonl").read_text("utf-8").splitlines(),
    )
}
STUDENTS = ("student", "student2", "studentembed", "studentjinja", "studentnative", "tinytext",
            "tinyvlm", "tinyidefics")  # fmt: skip
NOTHING_LOADED = ("ps_after_unload", "ps_before_load", "ps_empty", "ps_none_loaded")


@dataclass(frozen=True)
class Difference:
    """Why our answer is another one: its status, or the paths in its JSON that differ."""

    reason: str
    status: int = 200
    paths: frozenset[str] = frozenset()


ALWAYS_SEES = Difference("every student sees pictures")
EMBEDS = Difference("every student embeds texts, from its hidden states, and answers as well")
ENDS = Difference(
    "an answer always ends with done and its figures: letters that are no UTF-8 are mended, and "
    "repetition ends by num_predict",
    paths=frozenset(
        {"+done_reason", "+total_duration", "+load_duration", "+prompt_eval_count",
         "+prompt_eval_duration", "+eval_count", "+eval_duration"}
    ),
)  # fmt: skip
ENDS_WITH_CONTEXT = Difference(ENDS.reason, paths=ENDS.paths | {"+context"})
ENDS_WITH_LOGPROBS = Difference(ENDS.reason, paths=ENDS.paths | {"+logprobs"})
ENDS_WITHOUT_LOGPROBS = Difference(ENDS.reason, paths=ENDS.paths | {"-logprobs"})
OTHER_EYES = Difference("the recorded server could not run this pair of models")
NEVER_EMPTY = "the shipped student is always there"
NO_LICENCE = "a student that names no licence has no licence to show, nor a system message"
SEES_AND_TELLS = "every student sees, has parameters of its own, and has one kind of vocabulary"
WORDS = Difference("the words say what is wrong with the schema or the picture", 400)

DIFFERENT = {
    "chat_images_on_text_model": ALWAYS_SEES,
    "generate_images_on_text_model": ALWAYS_SEES,
    "embed_one": EMBEDS,
    "embed_too_long_truncate": EMBEDS,
    "embedmodel_generate": EMBEDS,
    "err_cloud_model_disabled": Difference("there is no cloud: its models are unknown ones", 404),
    "generate_format_bad_schema": WORDS,
    "generate_long_prompt_notruncate": Difference("the figures are the student's own", 400),
    "invalid_utf8_output_chat_seed2_stream0": ENDS,
    "invalid_utf8_output_chat_seed4_stream0": ENDS,
    "invalid_utf8_output_chat_seed4_stream1": ENDS,
    "invalid_utf8_output_seed1_stream0": ENDS,
    "invalid_utf8_output_seed1_stream1": ENDS_WITHOUT_LOGPROBS,
    "invalid_utf8_output_seed2_stream0": ENDS_WITH_LOGPROBS,
    "invalid_utf8_output_seed4_stream1": ENDS_WITHOUT_LOGPROBS,
    "token_repeat_abort_stream": ENDS,
    "token_repeat_chat_nostream": ENDS,
    "vlm_tinyvlm_generate_image": ENDS_WITH_CONTEXT,
    "vlm_tinyvlm_generate_image_raw": ENDS,
    "vlm_tinyvlm_generate_two_images": ENDS_WITH_CONTEXT,
    "vlm_tinyidefics_chat_image": OTHER_EYES,
    "vlm_tinyidefics_generate_image": OTHER_EYES,
    "vlm_tinyvlm_chat_image": OTHER_EYES,
    "vlm_tinyvlm_chat_image_logprobs_stream": OTHER_EYES,
    "vlm_tinyvlm_v1_chat_image": OTHER_EYES,
    "vlm_v1_chat_image": OTHER_EYES,
    "vlm_tinyidefics_chat_image_corrupt": WORDS,
    "vlm_tinyvlm_chat_image_corrupt": WORDS,
    "tags_empty": Difference(NEVER_EMPTY, paths=frozenset({"~models[]"})),
    "v1_models_empty": Difference(NEVER_EMPTY, paths=frozenset({"~data"})),
    "show": Difference(NO_LICENCE, paths=frozenset({"+projector_info", "-license"})),
    "show_verbose": Difference(NO_LICENCE, paths=frozenset({"+projector_info", "-license"})),
    "show_templated": Difference(NO_LICENCE, paths=frozenset({"+projector_info", "-system"})),
    "jinja_show": Difference(SEES_AND_TELLS, paths=frozenset({"+projector_info"})),
    "native_show": Difference(
        SEES_AND_TELLS, paths=frozenset({"+projector_info", "+parameters"})
    ),
    "embedmodel_show": Difference(
        SEES_AND_TELLS,
        paths=frozenset(
            {"+projector_info", "+parameters", "-model_info.llama.pooling_type"}
        ),
    ),
    "vlm_show": Difference(
        SEES_AND_TELLS,
        paths=frozenset(
            {"+model_info.general.type", "+model_info.tokenizer.ggml.add_eos_token"}
        ),
    ),
    "vlm_tinyidefics_show": Difference(
        SEES_AND_TELLS,
        paths=frozenset(
            {"+model_info.general.type", "+model_info.tokenizer.ggml.add_eos_token",
             "-projector_info.clip.vision.projector.scale_factor"}
        ),
    ),
}  # fmt: skip
"""Every deliberate difference. ``+`` and ``-`` are keys that only we or only Ollama have."""


def kind(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


def gaps(ours: Any, theirs: Any, path: str = "") -> set[str]:
    """Where two JSON values have other keys or other types; arrays by their first element."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = {f"+{path}{key}" for key in ours.keys() - theirs.keys()}
        found |= {f"-{path}{key}" for key in theirs.keys() - ours.keys()}
        for key in ours.keys() & theirs.keys():
            found |= gaps(ours[key], theirs[key], f"{path}{key}.")
        return found
    here = path.rstrip(".")
    if isinstance(ours, list) and isinstance(theirs, list):
        if ours and theirs:
            return gaps(ours[0], theirs[0], f"{here}[].")
        return set() if bool(ours) == bool(theirs) else {f"~{here}[]"}
    return set() if kind(ours) == kind(theirs) else {f"~{here}"}


def objects(body: str, media: str) -> list[Any]:
    """The JSON of a body: one object, or the first and the last of a stream."""
    if "ndjson" in media:
        lines = [json.loads(line) for line in body.splitlines()]
    elif "event-stream" in media:
        assert body.endswith("data: [DONE]\n\n")
        lines = [json.loads(each[6:]) for each in body.split("\n\n") if each[6:7] == "{"]
        return [lines[0], *lines[-2:]]
    else:
        return [json.loads(body)]
    return [lines[0], lines[-1]] if lines else []


@pytest.fixture(scope="module")
def bundle(tiny_student: ImageTokenReasoningLLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    tiny_student.save(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with (
        students_in(tmp_path_factory.mktemp("loaded"), bundle, STUDENTS) as students,
        client_of(students) as client,
    ):
        client.post("/api/generate", json={"model": "student"})
        yield client


@pytest.fixture(scope="module")
def fresh(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with (
        students_in(tmp_path_factory.mktemp("fresh"), bundle, STUDENTS) as students,
        client_of(students) as client,
    ):
        yield client


def replay(client: TestClient, capture: dict[str, Any]) -> Any:
    asked, raw = capture["json"], capture["raw"] or ""
    # a name with a tag of its own; students have none
    if asked is not None and asked.get("model") == "student2:v1":
        asked = {**asked, "model": "student2"}
    body = raw if asked is None else json.dumps(asked)
    return client.request(
        capture["method"], capture["path"], content=body, headers=capture["headers"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_request_is_answered_as_ollama_answered_it(
    loaded: TestClient, fresh: TestClient, name: str
) -> None:
    capture, different = RECORDED[name], DIFFERENT.get(name)
    reply = replay(fresh if name in NOTHING_LOADED else loaded, capture)
    if different is not None and not different.paths:
        assert reply.status_code == different.status
        assert (reply.status_code, reply.text) != (capture["status"], capture["body"])
        return
    assert reply.status_code == capture["status"]
    assert reply.headers.get("content-type", "") == capture["type"]
    if capture["status"] >= 400 or not capture["type"].startswith(("application", "text/event")):
        assert reply.text.strip() == capture["body"].strip()
        return
    theirs = objects(capture["body"], capture["type"]) if capture["body"] else []
    ours = objects(reply.text, capture["type"]) if reply.text else []
    found = set[str]()
    if theirs:
        for mine, recorded in zip(ours, theirs, strict=True):
            found |= gaps(mine, recorded)
    assert found == (different.paths if different else set())


def test_every_capture_of_these_endpoints_is_replayed() -> None:
    assert len(RECORDED) == 179
    assert DIFFERENT.keys() <= RECORDED.keys()


def test_cors_headers_are_the_recorded_ones(fresh: TestClient) -> None:
    reply = replay(fresh, RECORDED["cors_preflight"])
    assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert reply.headers["access-control-max-age"] == "43200"
    assert "X-Stainless-Runtime-Version" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
