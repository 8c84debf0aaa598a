"""Other programs ask through Gradio's own client; what they get changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client

from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.open_endpoints import offer_endpoints

NAMES = ["/ask", "/find_triplets", "/look_around", "/list_runs"]


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    backend = FakeBackend(tmp_path)
    backend.add_triplet(TripletDraft("rusty key", "oil", "smooth key"))
    return backend


@pytest.fixture
def client(backend: FakeBackend) -> Iterator[Client]:
    with gr.Blocks(analytics_enabled=False) as page:
        offer_endpoints(lambda request: backend)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    yield Client(url, verbose=False)
    page.close()


def test_every_endpoint_is_documented_with_types(client: Client) -> None:
    known: dict[str, Any] = client.view_api(return_format="dict")["named_endpoints"]  # type: ignore[index, assignment]
    assert sorted(known) == sorted(NAMES)
    assert [part["parameter_name"] for part in known["/ask"]["parameters"]] == ["question", "seed"]
    for endpoint in known.values():
        assert endpoint["description"]
        assert len(endpoint["returns"]) == 1


def test_a_question_is_answered_with_facts_and_weights(client: Client) -> None:
    reply = client.predict("What happens if I oil the rusty key?", api_name="/ask")
    assert set(reply) == {"answer", "facts", "weights"}
    assert reply["answer"]


def test_triplets_are_found_by_their_words(client: Client) -> None:
    (found,) = client.predict("rusty", 5, api_name="/find_triplets")
    assert (found["what"], found["action"], found["result"]) == ("rusty key", "oil", "smooth key")
    assert client.predict("no such thing", api_name="/find_triplets") == []


def test_the_graph_is_looked_at_around_a_thing(client: Client) -> None:
    facts = client.predict("rusty key", 1, api_name="/look_around")
    assert {"what": "rusty key", "action": "oil", "result": "smooth key"} in facts


def test_runs_are_listed(client: Client) -> None:
    runs = client.predict(api_name="/list_runs")
    assert all({"id", "state", "student"} <= set(run) for run in runs)
