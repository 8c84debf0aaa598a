"""OLLAMA_HOST in all the forms in which people write it."""

from __future__ import annotations

import pytest

from model.errors import ConfigError
from model.teachers.ollama import OllamaTeacher
from model.teachers.ollama_host import is_loopback, parse_host, server_at, without_sign_in


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.com", "http://example.com:11434"),
        ("example.com:1234", "http://example.com:1234"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("HTTPS://example.com", "https://example.com:443"),
        ("https://example.com:8443/ollama/", "https://example.com:8443/ollama"),
        ("http://localhost:11434/", "http://localhost:11434"),
        ("ollama.com", "https://ollama.com:443"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("[::]:1234", "http://[::1]:1234"),
        ("::", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        ("'1.2.3.4:1234'", "http://1.2.3.4:1234"),
        ("example.com:66000", "http://example.com:11434"),
        ("https://example.com:none", "https://example.com:443"),
        ("example.com:-1", "http://example.com:11434"),
    ],
)
def test_every_form_of_an_address_becomes_one_url(written: str, called: str) -> None:
    assert parse_host(written) == called


@pytest.mark.parametrize(
    "written",
    [
        "ftp://example.com",
        "file:///etc/passwd",
        "http://me:word@host",
        "http://host/?model=x",
        "two words",
        "a..b",
        "a" * 64,
        "http://[::1",
    ],
)
def test_what_cannot_be_called_is_refused_in_words(written: str) -> None:
    with pytest.raises(ConfigError, match="http://host:port"):
        parse_host(written)


def test_loopback_is_recognised() -> None:
    assert all(is_loopback(parse_host(host)) for host in ("", "localhost", "::1", "127.0.0.9"))
    assert not any(is_loopback(parse_host(host)) for host in ("1.2.3.4", "example.com"))


def test_the_environment_is_used_when_no_address_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "tutor.example:4321")
    assert OllamaTeacher().address == "http://tutor.example:4321"
    assert OllamaTeacher(address="other").address == "http://other:11434"
    monkeypatch.delenv("OLLAMA_HOST")
    assert OllamaTeacher().address == "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("host", "header"),
    [
        ("http://me:word@tutor:80", "Basic bWU6d29yZA=="),
        ("me:w%40rd@tutor:80", "Basic bWU6d0ByZA=="),
        ("http://k3y@tutor", "Bearer k3y"),
        ('"http://k3y@tutor/"', "Bearer k3y"),
    ],
)
def test_a_sign_in_in_ollama_host_goes_to_that_server_alone(
    host: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    for written in ("", host, without_sign_in(host), "http://tutor", "tutor:80"):
        server = server_at(written)
        assert server.url == "http://tutor:80"
        assert server.headers == {"Authorization": header}
        assert header not in repr(server)
    assert server_at("other").headers == {}
    assert OllamaTeacher().address == "http://tutor:80"
    assert "@" not in without_sign_in(host)
    assert without_sign_in("tutor:80") == "tutor:80"


def test_a_typed_sign_in_is_refused_because_addresses_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://me:word@tutor")
    with pytest.raises(ConfigError, match="set OLLAMA_HOST"):
        server_at("http://you:word@tutor")
