"""Where an Ollama server is, read from all the forms in which ``OLLAMA_HOST`` may be written."""

from __future__ import annotations

import ipaddress
import re

from model.errors import ConfigError

DEFAULT_PORT = 11434
SCHEME_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?")


def parse_host(text: str) -> str:
    """The base URL a client should call, without a slash at its end.

    Takes ``[scheme://][host][:port][/path]``, with quotes or spaces around it. Without a scheme
    the port is 11434; with one it is that of the scheme. An address that only a server can listen
    on (empty, ``0.0.0.0``, ``::``) becomes the loopback; a port outside 0–65535 becomes the
    default one, as in Ollama itself.

    Raises: ConfigError if the scheme is not http or https, or the host is not a host.
    Source: `envconfig.Host` of ollama/ollama, v0.33.
    """
    cleaned = text.strip().strip("\"'").strip()
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
    if "@" in place or "?" in rest or "#" in rest:
        raise ConfigError(
            "The address has a sign-in, a “?” or a “#” in it. Write it as http://host:port."
        )
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
