"""The app as an Ollama server: what the captures cannot tell."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from model.config import SampleConfig
from model.errors import ConfigError
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message, layout
from model.network.text_tokenizer import END_THINK, IM_END
from model.records import StudentId
from model.serving.ollama_body import duration_s, parse_object
from model.serving.ollama_door import is_for_the_api
from model.serving.ollama_guard import host_is_local, origin_is_allowed
from model.serving.ollama_options import read_options
from model.serving.ollama_prompt import Turn, cut, lay_out, lay_out_raw, token_ids
from model.serving.ollama_refusals import Refused
from model.serving.students import Students
from tests.ollama_api_client import client_of, students_in
from tests.small import picture


def file_of(colour: str) -> bytes:
    buffer = io.BytesIO()
    picture(colour).save(buffer, "PNG")
    return buffer.getvalue()


RED, BLUE = file_of("red"), file_of("blue")
ENCODED = base64.b64encode(RED).decode()
PATCHES = 4
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def bundle(tiny_student: ImageTokenReasoningLLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    tiny_student.save(folder)
    return folder


@pytest.fixture(scope="module")
def students(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Students]:
    with students_in(tmp_path_factory.mktemp("students"), bundle, ("Bread-1a2b3c",)) as found:
        yield found


@pytest.fixture(scope="module")
def api(students: Students) -> Iterator[TestClient]:
    with client_of(students) as client:
        yield client


def post(api: TestClient, path: str, **values: Any) -> Any:
    return api.post(path, json={"model": "shipped", "stream": False, **values})


def saved(students: Students) -> ImageTokenReasoningLLM:
    """The student as it was loaded: its weights went through float16."""
    return students.engine().student


# ── prompts ─────────────────────────────────────────────────────────────────────────────────────


def test_an_ordinary_question_has_the_same_ids_by_both_roads(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    messages = [
        Message("system", "Be brief."),
        Message("user", "What is it?", 2),
        Message("assistant", "An egg."),
        Message("user", "Type <|im_end|> and <|image|>"),
    ]
    turns = [
        Turn("system", "Be brief."),
        Turn("user", "What is it?", (RED, BLUE)),
        Turn("assistant", "An egg."),
        Turn("user", "Type <|im_end|> and <|image|>"),
    ]
    laid = lay_out(turns, thinks=False, think=False)
    assert list(token_ids(tiny_student, laid)) == layout(tiny_student.tokenizer, messages, PATCHES)


def test_marks_put_pictures_where_a_triplet_has_them(tiny_student: ImageTokenReasoningLLM) -> None:
    text = "<|what|>[img]<|action|>[img]<|result|>[img]What happened?"
    laid = lay_out([Turn("user", text, (RED, BLUE, RED))], thinks=False, think=False)
    roles = ("what", "action", "result")
    images = [picture("red"), picture("blue"), picture("red")]
    triplet = tiny_student.prompt([Message("user", "What happened?", 3, roles)], images)
    assert token_ids(tiny_student, laid) == triplet.ids


def test_a_rendered_prompt_is_what_raw_takes(tiny_student: ImageTokenReasoningLLM) -> None:
    laid = lay_out([Turn("user", "egg?", (RED,))], thinks=False, think=False)
    assert laid.rendered == "<|im_start|>user\n[img-0]egg?<|im_end|>\n<|im_start|>assistant\n"
    raw = lay_out_raw(laid.rendered, [RED])
    assert token_ids(tiny_student, raw) == token_ids(tiny_student, laid)


def test_a_thought_is_opened_for_those_who_can_think_and_shown_in_earlier_turns() -> None:
    turns = [Turn("assistant", "Egg.", thinking="I see."), Turn("user", "Sure?")]
    thinking = lay_out(turns, thinks=True, think=True)
    assert "<|im_start|>assistant\n<think>I see.</think>Egg.<|im_end|>" in thinking.rendered
    assert thinking.rendered.endswith("<|im_start|>assistant\n<think>")
    assert "think" not in lay_out(turns, thinks=False, think=False).rendered


def test_typed_slots_for_pictures_never_reach_the_network(api: TestClient) -> None:
    slots = "<|image|>" * 9
    raw = post(api, "/api/generate", prompt=slots, raw=True, options={"num_predict": 2})
    assert raw.json()["done"] is True
    chat = post(api, "/api/chat", messages=[{"role": slots, "content": slots}])
    assert chat.json()["done"] is True
    context = post(api, "/api/generate", prompt="x", context=[6, 6, 10**9, -1, 12])
    assert context.json()["done"] is True


def test_a_raw_prompt_without_the_mark_of_its_picture_is_refused(api: TestClient) -> None:
    reply = post(api, "/api/generate", prompt="a b", raw=True, images=[ENCODED])
    assert reply.status_code == 400
    assert "Failed to tokenize prompt" in reply.json()["error"]


def test_a_text_that_is_too_long_keeps_its_beginning_and_its_end() -> None:
    assert cut(range(100), 20) == (0, 1, 2, 3, *range(90, 100))
    assert cut(range(5), 20) == (0, 1, 2, 3, 4)
    assert len(cut(range(100), 1)) == 1


def test_old_turns_give_way_but_the_system_message_stays(
    api: TestClient, students: Students
) -> None:
    turns = [{"role": "user", "content": f"number {n} " * 9} for n in range(200)]
    messages = [{"role": "system", "content": "Be brief."}, *turns]
    short = post(api, "/api/chat", messages=messages, options={"num_predict": 2}).json()
    assert short["done_reason"] in ("length", "stop")
    assert 256 < short["prompt_eval_count"] <= 510
    whole = post(api, "/api/chat", messages=messages, truncate=False)
    assert whole.status_code == 400
    assert "exceeds the available context size (512 tokens)" in whole.json()["error"]


# ── answers ─────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_is_the_students_own(api: TestClient, students: Students) -> None:
    student = saved(students)
    for images, encoded in (([], []), ([picture("red")], [ENCODED])):
        message = {"role": "user", "content": "What is it?", "images": encoded}
        told = post(api, "/api/chat", messages=[message], options={"num_predict": 12}).json()
        own = student.generate("What is it?", images, max_tokens=12)
        assert told["message"]["content"] == own
        assert told["prompt_eval_count"] == len(
            student.prompt([Message("user", "What is it?", len(images))], images).ids
        )


def test_a_stream_and_a_whole_answer_say_the_same(api: TestClient) -> None:
    asked = {
        "messages": [{"role": "user", "content": "Who?"}],
        "logprobs": True,
        "top_logprobs": 2,
        "options": {"num_predict": 20, "temperature": 1.2, "seed": 5},
    }
    whole = post(api, "/api/chat", **asked).json()
    reply = post(api, "/api/chat", **asked, stream=True)
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == whole["message"]["content"]
    streamed = [entry for line in lines for entry in line.get("logprobs", [])]
    for one, other in zip(streamed, whole["logprobs"], strict=True):
        assert one["bytes"] == other["bytes"]
        # the second answer reuses what was read for the first, which rounds a little differently
        assert one["logprob"] == pytest.approx(other["logprob"], abs=1e-4)
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["eval_count"] == whole["eval_count"]


def test_logprobs_are_the_students_raw_ones_and_their_bytes_make_the_text(
    api: TestClient, students: Students
) -> None:
    student = saved(students)
    settings = {"num_predict": 30, "temperature": 1.5, "seed": 2, "top_k": 0, "top_p": 1.0}
    told = post(
        api, "/api/generate", prompt="Who?", logprobs=True, top_logprobs=3, options=settings
    ).json()
    spelt = b"".join(bytes(entry["bytes"]) for entry in told["logprobs"])
    assert spelt.decode("utf-8", "replace") == told["response"]
    asked = student.prompt([Message("user", "Who?")])
    said = told["context"][len(asked.ids) - 1 :][: len(told["logprobs"])]
    with torch.inference_mode():
        logits_SV = student(torch.tensor([[*asked.ids, *said]]), asked.pixels_NCHW)[0]
    expected_SV = logits_SV[len(asked.ids) - 1 : -1].log_softmax(-1)
    for step_V, index, entry in zip(expected_SV, said, told["logprobs"], strict=True):
        assert entry["logprob"] == pytest.approx(float(step_V[index]), abs=1e-3)
        tops = [each["logprob"] for each in entry["top_logprobs"]]
        assert tops == pytest.approx(step_V.topk(3).values.tolist(), abs=1e-3)


def test_a_stop_string_trims_the_last_entry(api: TestClient, students: Students) -> None:
    def ask(**options: Any) -> Any:
        settings = {"num_predict": 40, "temperature": 0.0, **options}
        return post(
            api, "/api/generate", prompt="Say it", raw=True, logprobs=True, options=settings
        ).json()

    whole = ask()
    words = [entry["token"] for entry in whole["logprobs"]]
    long = next(n for n, word in enumerate(words) if n > 2 and len(word) > 2 and "�" not in word)
    stop = words[long][1:] + words[long + 1][:1]
    at = whole["response"].index(stop)
    told = ask(stop=[stop])
    assert told["response"] == whole["response"][:at]
    assert told["done_reason"] == "stop"
    spelt = b"".join(bytes(entry["bytes"]) for entry in told["logprobs"])
    assert spelt.decode("utf-8", "replace") == told["response"]


def test_a_seed_repeats_an_answer_and_none_does_not(api: TestClient) -> None:
    def say(**options: Any) -> str:
        settings = {"temperature": 1.5, "top_k": 0, "num_predict": 16, **options}
        return str(post(api, "/api/generate", prompt="Who?", options=settings).json()["response"])

    assert say(seed=3) == say(seed=3)
    assert len({say() for _ in range(6)}) > 1


def test_an_answer_in_a_schema_parses(api: TestClient) -> None:
    schema = {"type": "object", "properties": {"red": {"type": "boolean"}}, "required": ["red"]}
    message = {"role": "user", "content": "Red?", "images": [ENCODED]}
    told = post(api, "/api/chat", messages=[message], format=schema).json()
    assert isinstance(json.loads(told["message"]["content"])["red"], bool)
    assert told["done_reason"] == "stop"


def test_a_context_goes_on_where_the_last_answer_ended(api: TestClient, students: Students) -> None:
    student = saved(students)
    first = post(api, "/api/generate", prompt="One?", options={"num_predict": 4}).json()
    second = post(
        api, "/api/generate", prompt="Two?", context=first["context"], options={"num_predict": 1}
    ).json()
    talk = [
        Message("user", "One?"),
        Message("assistant", first["response"]),
        Message("user", "Two?"),
    ]
    assert first["context"][-2:] == student.tokenizer.encode(f"{IM_END}\n")
    assert second["prompt_eval_count"] == pytest.approx(len(student.prompt(talk).ids), abs=3)


def test_a_student_that_thinks_shows_its_thought_apart(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinker = tiny_student.new("tiny", tiny_student.tokenizer)
    thinker.config = dataclasses.replace(thinker.config, thinks=True)
    thinker.save(tmp_path / "thinker")
    asked = {"messages": [{"role": "user", "content": "Why?"}], "logprobs": True}
    with students_in(tmp_path / "students", tmp_path / "thinker") as students:
        student = students.engine().student
        end, real, steps = student.tokenizer.id(END_THINK), student.step, [0]

        def step(*args: Any) -> torch.Tensor:
            scores_BV = real(*args).clone()
            steps[0] += 1
            scores_BV[:, end] = 1e4 if steps[0] == 4 else -1e4
            return scores_BV

        monkeypatch.setattr(student, "step", step)
        with client_of(students) as api:
            told = post(api, "/api/chat", **asked, options={"num_predict": 12}).json()
            plain = post(api, "/api/chat", **asked, think=False, options={"num_predict": 3}).json()
            tags = api.get("/api/tags").json()["models"][0]
    assert tags["capabilities"] == ["completion", "vision", "thinking", "embedding"]
    assert told["message"]["thinking"]
    assert "thinking" not in plain["message"]
    spelt = "".join(entry["token"] for entry in told["logprobs"])
    assert len(told["logprobs"]) in (11, 12)
    assert spelt  # the thought's tokens first, then the answer's, without </think>


def test_whoever_cannot_think_says_so_when_told_to(api: TestClient) -> None:
    message = {"role": "user", "content": "Why?"}
    reply = post(api, "/api/chat", messages=[message], think=True)
    assert (reply.status_code, reply.json()["error"]) == (
        400,
        '"shipped" does not support thinking',
    )
    assert post(api, "/api/chat", messages=[message], think=False).status_code == 200
    bad = post(api, "/api/chat", messages=[message], think="much")
    assert 'invalid think value: "much"' in bad.json()["error"]


# ── models ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", ["shipped", "SHIPPED:latest", "registry.ollama.ai/library/shipped:latest"]
)
def test_a_student_answers_to_its_name_in_every_form(api: TestClient, name: str) -> None:
    reply = api.post("/api/show", json={"model": name})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "name", ["shipped:q4", "../shipped", "bread", ".", "shipped/..", "shipped\x00", "a" * 500]
)
def test_other_names_are_no_students(api: TestClient, name: str) -> None:
    reply = api.post("/api/chat", json={"model": name, "messages": []})
    assert reply.status_code in (400, 404)
    assert reply.json()["error"]


def test_show_tells_the_vocabulary_only_when_asked(api: TestClient, students: Students) -> None:
    brief = api.post("/api/show", json={"model": "bread-1A2B3C"}).json()
    assert brief["model_info"]["tokenizer.ggml.tokens"] is None
    full = api.post("/api/show", json={"model": "bread-1A2B3C", "verbose": True}).json()
    assert len(full["model_info"]["tokenizer.ggml.tokens"]) == 420
    weights = sum(torch.Size(each["shape"]).numel() for each in full["tensors"])
    assert weights == full["model_info"]["general.parameter_count"]
    assert full["model_info"]["llama.context_length"] == 512


def test_a_student_is_loaded_by_an_empty_prompt_and_let_go_by_keep_alive_0(
    api: TestClient, students: Students
) -> None:
    def loaded() -> set[str]:
        return {model["name"] for model in api.get("/api/ps").json()["models"]}

    name = "Bread-1a2b3c:latest"
    asked = {"model": name, "keep_alive": "10m"}
    assert api.post("/api/generate", json=asked).json()["done_reason"] == "load"
    assert name in loaded()
    gone = api.post("/api/generate", json={"model": name, "keep_alive": 0}).json()
    assert gone["done_reason"] == "unload"
    assert name not in loaded()
    # the page answers with the other one, so it stays whatever a client wishes
    post(api, "/api/generate")
    post(api, "/api/generate", keep_alive=0)
    assert loaded() == {"shipped:latest"}


def test_a_student_is_let_go_after_its_answer_but_not_under_another(
    api: TestClient, students: Students
) -> None:
    name = StudentId("Bread-1a2b3c")
    engine = students.engine(name)
    hold = threading.Event()
    engine.run(lambda student: hold.wait(LIMIT_S))
    prompt = engine.student.prompt([Message("user", "Who?")], room=40)
    other = engine.ask(prompt, SampleConfig(max_tokens=40, temperature=1.0))
    with ThreadPoolExecutor(1) as pool:
        letting_go = pool.submit(students.unload, name)
        hold.set()
        letting_go.result(LIMIT_S)
    assert [event.kind for event in other.events()][-1] == "done"
    asked = {"model": name, "prompt": "Who?", "keep_alive": 0, "options": {"num_predict": 3}}
    reply = api.post("/api/generate", json=asked)
    assert json.loads(reply.text.splitlines()[-1])["done"] is True
    deadline = time.monotonic() + LIMIT_S
    while students.is_loaded(name):
        assert time.monotonic() < deadline, "still in memory"


def test_embeddings_are_unit_vectors_that_can_be_shortened(
    api: TestClient, students: Students
) -> None:
    told = post(api, "/api/embed", input=["an egg", "", "an egg"]).json()["embeddings"]
    assert told[0] == pytest.approx(told[2])
    assert told[0] != pytest.approx(told[1])
    for vector in told:
        assert sum(x * x for x in vector) == pytest.approx(1.0)
    short = post(api, "/api/embed", input="an egg", dimensions=5).json()["embeddings"][0]
    length = sum(x * x for x in told[0][:5]) ** 0.5
    assert short == pytest.approx([x / length for x in told[0][:5]])


# ── hostile input ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "missing request body"),
        ('{"model": ', "unexpected EOF"),
        ('{"model" 5}', "invalid character '5' after object key"),
        ('{"a": 1 "b": 2}', "invalid character '\"' after object key:value pair"),
        ("[" * 100_000, "exceeded max depth"),
        ("[]", "json: cannot unmarshal array into Go value"),
        ("nonsense", "invalid character 'n' looking for beginning of value"),
    ],
)
def test_json_that_cannot_be_read_is_refused_in_gos_words(body: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_object(body.encode())
    assert str(refused.value).startswith(words)
    assert refused.value.status == 400


def test_what_follows_the_json_is_not_read_and_broken_letters_are_mended() -> None:
    assert parse_object(b'  {"a": "\xff"} {bad') == {"a": "�"}


@pytest.mark.parametrize(
    ("path", "values", "status"),
    [
        ("/api/chat", {"messages": "hello"}, 400),
        ("/api/chat", {"messages": ["hello"]}, 400),
        ("/api/chat", {"messages": [{"role": 5}]}, 400),
        ("/api/chat", {"messages": [{"images": [5]}]}, 400),
        ("/api/chat", {"messages": [{"images": ["aGVsbG8="]}]}, 400),
        ("/api/chat", {"messages": [{"content": "x"}], "options": {"temperature": 9}}, 400),
        ("/api/chat", {"messages": [{"content": "x"}], "options": {"stop": "x"}}, 500),
        ("/api/chat", {"messages": [{"content": "x"}], "options": []}, 400),
        ("/api/chat", {"messages": [{"content": "x"}], "format": 5}, 500),
        ("/api/generate", {"prompt": "x", "template": "{{ .Prompt }}"}, 400),
        ("/api/generate", {"prompt": "x", "keep_alive": True}, 400),
        ("/api/generate", {"prompt": "x", "images": [ENCODED] * 200}, 400),
        ("/api/embed", {"input": {"a": 1}}, 400),
        ("/api/embed", {"input": ["x"] * 5000}, 400),
        ("/v1/chat/completions", {"messages": []}, 400),
        ("/v1/chat/completions", {"messages": [{"content": [{"type": "audio"}]}]}, 400),
    ],
)
def test_what_makes_no_sense_is_refused_and_the_next_is_answered(
    api: TestClient, path: str, values: dict[str, Any], status: int
) -> None:
    reply = post(api, path, **values)
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]
    assert post(api, "/api/generate", prompt="x", options={"num_predict": 1}).json()["done"]


def test_durations_are_read_as_go_writes_them() -> None:
    written = {"5m": 300, "1h30m": 5400, "-1": -1, "0": 0, "90": 90, "1.5s": 1.5, "-2m": -120}
    assert {text: duration_s(text) for text in written} == written
    with pytest.raises(Refused, match='time: invalid duration "soon"'):
        duration_s("soon")


def test_options_have_ollamas_names_and_the_students_limits() -> None:
    options = read_options(
        {"temperature": 0.5, "num_predict": -1, "seed": 2**40 + 7, "top_k": 99999, "num_ctx": 256,
         "repeat_penalty": 1.25, "stop": ["x"], "nonsense": [], "min_p": None}
    )  # fmt: skip
    drawn = options.sampling
    assert (drawn.max_tokens, drawn.seed, drawn.top_k) == (512, 7, 1000)
    assert (drawn.temperature, drawn.repetition_penalty, drawn.stop) == (0.5, 1.25, ("x",))
    assert options.num_ctx == 256
    usual = read_options({}).sampling
    assert (usual.temperature, usual.top_k, usual.top_p, usual.max_tokens) == (0.0, 40, 0.9, 192)
    with pytest.raises(ConfigError, match="temperature is 9"):
        read_options({"temperature": 9})


# ── who may call ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:7860", True),
        ("localhost", True),
        ("[::1]:7860", True),
        ("192.168.1.7:7860", True),
        ("printer.local", True),
        ("evil.example.com", False),
        ("8.8.8.8", False),
        ("localhost.evil.com:7860", False),
    ],
)
def test_only_names_of_this_machine_and_its_network_are_hosts(host: str, allowed: bool) -> None:
    assert host_is_local(host) is allowed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("app://obsidian.md", True),
        ("http://my-box:7860", True),
        ("http://evil.example.com", False),
        ("http://localhost.evil.com", False),
        ("null", False),
    ],
)
def test_only_local_pages_and_the_apps_own_are_origins(origin: str, allowed: bool) -> None:
    assert origin_is_allowed(origin, "my-box:7860") is allowed


def test_a_password_is_asked_for_and_taken_in_two_forms(students: Students) -> None:
    with client_of(students, password="ann:se:cret") as api:
        refused = api.get("/api/tags")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic")
        assert api.get("/").status_code == 401
        assert api.get("/api/tags", auth=("ann", "se:cret")).status_code == 200
        assert api.get("/api/tags", auth=("ann", "other")).status_code == 401
        for header, status in (("Bearer ann:se:cret", 200), ("Basic %%%", 401), ("Bearer", 401)):
            assert api.get("/api/tags", headers={"Authorization": header}).status_code == status


def test_a_server_for_other_machines_is_called_by_many_names(students: Students) -> None:
    with client_of(students, listens_on="0.0.0.0") as api:
        assert api.get("/api/version", headers={"Host": "students.example.com"}).status_code == 200
        evil = {"Host": "students.example.com", "Origin": "http://evil.example.com"}
        assert api.get("/api/version", headers=evil).status_code == 403
        own = {"Host": "students.example.com", "Origin": "https://students.example.com"}
        reply = api.get("/api/version", headers=own)
        assert reply.headers["access-control-allow-origin"] == "https://students.example.com"


@pytest.mark.parametrize(
    ("method", "path", "accept", "ours"),
    [
        ("GET", "/", "text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("GET", "/", "*/*", True),
        ("HEAD", "/", "", True),
        ("POST", "/", "*/*", False),
        ("GET", "/config", "*/*", False),
        ("GET", "/gradio_api/info", "*/*", False),
        ("POST", "/api/chat", "*/*", True),
        ("GET", "/api/nope", "text/html", True),
        ("GET", "/v1/models", "*/*", True),
        ("GET", "/apiary", "*/*", False),
    ],
)
def test_browsers_get_the_page_and_clients_the_api(
    method: str, path: str, accept: str, ours: bool
) -> None:
    headers = [(b"accept", accept.encode())] if accept else []
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    assert is_for_the_api(scope) is ours


# ── OpenAI's shapes ─────────────────────────────────────────────────────────────────────────────


def test_both_protocols_give_the_same_answer(api: TestClient) -> None:
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}}
    parts = [{"type": "text", "text": "Who?"}, url]
    openai = post(
        api, "/v1/chat/completions", messages=[{"role": "user", "content": parts}], max_tokens=9
    ).json()
    message = {"role": "user", "content": "Who?", "images": [ENCODED]}
    native = post(api, "/api/chat", messages=[message], options={"num_predict": 9}).json()
    assert openai["choices"][0]["message"]["content"] == native["message"]["content"]
    assert openai["usage"]["prompt_tokens"] == native["prompt_eval_count"]


def test_openais_stream_ends_with_done(api: TestClient) -> None:
    reply = post(
        api,
        "/v1/chat/completions",
        messages=[{"role": "user", "content": "Who?"}],
        stream=True,
        logprobs=True,
        top_logprobs=1,
        max_completion_tokens=5,
        stop="zzz",
    )
    events = reply.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    first = json.loads(events[0][6:])["choices"][0]
    assert first["delta"]["role"] == "assistant"
    assert first["logprobs"]["content"][0]["top_logprobs"]
