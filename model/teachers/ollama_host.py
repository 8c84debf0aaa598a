"""Where a server is, read from all the forms in which ``OLLAMA_HOST`` may be written."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from model import paths
from model.errors import ConfigError

DEFAULT_PORT = 11434
SCHEME_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?")


_SIGN_IN = re.compile(r"(?:(?<=://)|^)(?P<name>[^/@:]*)(?P<word>:[^/@]*)?@")


@dataclass(frozen=True)
class Server:
    """What is called: the base URL, and the headers that sign in there."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def server_at(written: str) -> Server:
    """The server behind an address; an empty one means ``OLLAMA_HOST``.

    Only ``OLLAMA_HOST`` may hold a sign-in, because addresses that a person types are kept with
    runs and comparisons and leave with them. ``user:word@`` is sent as basic authentication, a key
    alone (``key@``) as a bearer token; both go to that one server, however its address is written.
    Raises: ConfigError if there is no such address.
    """
    spoken = paths.ollama_host()
    plain, signed = without_sign_in(spoken), _SIGN_IN.search(_bare(spoken))
    url = parse_host(plain if written in ("", spoken) else written)
    if signed is None or parse_host(plain) != url:
        return Server(url)
    name, word = unquote(signed["name"]), signed["word"]
    if word is None:
        return Server(url, {"Authorization": f"Bearer {name}"})
    pair = base64.b64encode(f"{name}:{unquote(word[1:])}".encode()).decode()
    return Server(url, {"Authorization": f"Basic {pair}"})


def without_sign_in(written: str) -> str:
    """An address that may be kept and shown: the same without a sign-in, if it has one."""
    return _SIGN_IN.sub("", _bare(written), count=1) if "@" in written else written


def parse_host(text: str) -> str:
    """The base URL a client should call, without a slash at its end.

    Takes ``[scheme://][host][:port][/path]``, with quotes or spaces around it. Without a scheme
    the port is 11434; with one it is that of the scheme. An address that only a server can listen
    on (empty, ``0.0.0.0``, ``::``) becomes the loopback; a port outside 0–65535 becomes the
    default one, as in Ollama itself.

    Raises: ConfigError if the scheme is not http or https, or the host is not a host.
    Source: `envconfig.Host` of ollama/ollama, v0.33.
    """
    cleaned = _bare(text)
    scheme, divider, rest = cleaned.partition("://")
    if not divider:
        scheme, rest, default_port = "http", cleaned, DEFAULT_PORT
        if cleaned == "ollama.com":
            scheme, default_port = "https", SCHEME_PORTS["https"]
    elif scheme.lower() in SCHEME_PORTS:
        scheme = scheme.lower()
        default_port = SCHEME_PORTS[scheme]
    else:
        raise ConfigError(
            f"The address “{cleaned}” starts with {scheme}://. "
            "Write it as http://host:port or https://host."
        )
    place, _, path = rest.partition("/")
    if "@" in place:
        raise ConfigError(
            "The address has a sign-in in it, which would be kept with the run. Write it as "
            "http://host:port, and set OLLAMA_HOST to the address with the sign-in."
        )
    if "?" in rest or "#" in rest:
        raise ConfigError("The address has a “?” or a “#” in it. Write it as http://host:port.")
    host, port = _split_port(place, default_port)
    base = f"{scheme}://{_client_host(host, cleaned)}:{port}"
    return f"{base}/{path.strip('/')}".rstrip("/")


def is_loopback(base_url: str) -> bool:
    """Whether a URL made by ``parse_host`` points at this very machine."""
    host = base_url.partition("://")[2].partition("/")[0].rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bare(text: str) -> str:
    """Without the quotes and spaces that shells leave around an address."""
    return text.strip().strip("\"'").strip()


def _split_port(place: str, default_port: int) -> tuple[str, int]:
    """Host and port of ``host:port``; a bare IPv6 address has colons but no port."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", place)
    if bracketed:
        host, port = bracketed.group(1), bracketed.group(2) or ""
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    else:
        host, port = place, ""
    if port.isascii() and port.isdigit() and int(port) <= 65535:
        return host, int(port)
    return host, default_port


def _client_host(host: str, written: str) -> str:
    """The host as it stands in a URL, with listen-everywhere addresses turned into loopback."""
    if not host:
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if _HOST_NAME.fullmatch(host):
            return host
        raise ConfigError(
            f"The address “{written}” has no host that can be called. Write it as http://host:port."
        ) from None
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return str(address) if address.version == 4 else f"[{address}]"
