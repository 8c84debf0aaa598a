"""A stand-in for the Hugging Face Hub on loopback: repositories, LFS uploads, commits, downloads.

It speaks as much of the protocol as ``huggingface_hub`` needs to push and pull a model, keeps
everything in memory, and fails on request. It knows one token, that of the user “me”.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_goodtoken"


@dataclass
class Repo:
    """A model repository: its files as of each commit."""

    private: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = field(
        default_factory=lambda: [(hashlib.sha1(b"empty").hexdigest(), {})]
    )

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((found for found in self.commits if found[0] == revision), None)


class HubServer:
    """``with HubServer() as hub: … hub.url``; ``fail``: status by “METHOD /path”."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.kept: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fail: dict[str, int] = {}
        self._http = _HttpServer(("127.0.0.1", 0), _Handler)
        self._http.hub = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def put(self, name: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """A repository that is there already; returns the commit."""
        repo = self.repos.setdefault(name, Repo(private))
        commit = hashlib.sha1(repr(sorted(files)).encode() + str(len(repo.commits)).encode())
        repo.commits.append((commit.hexdigest(), {**repo.commits[-1][1], **files}))
        return commit.hexdigest()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: HubServer

    def handle_error(self, *_: Any) -> None:
        """Nothing: a client that hung up in the middle is what some tests want."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HttpServer

    def log_message(self, *_: Any) -> None:
        """Nothing: tests have their own output."""

    @property
    def hub(self) -> HubServer:
        return self.server.hub

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self.place = unquote(urlsplit(self.path).path)
        asked = f"{self.command} {self.place}"
        self.hub.asked.append(asked)
        self.data = self._body()
        for start, status in self.hub.fail.items():
            if asked.startswith(start):
                self._send(status, {"error": f"told to fail with {status}"})
                return
        signed = self.headers.get("Authorization")
        if signed and signed != f"Bearer {TOKEN}":
            self._send(401, {"error": "Invalid token"}, {"X-Error-Message": "Invalid credentials"})
            return
        self.signed_in = bool(signed)
        parts = self.place.strip("/").split("/")
        if parts[:1] == ["lfs"]:
            self._lfs(parts[1])
        elif self.place.endswith(".git/info/lfs/objects/batch"):
            self._batch()
        elif parts[:1] == ["api"]:
            self._api(parts[1:])
        elif len(parts) >= 5 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._send(404, {"error": "no such page"})

    def _body(self) -> bytes:
        data = b""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            block = self.rfile.read(min(left, 65_536))
            if not block:
                break
            left -= len(block)
            data += block
        return data

    # ── the API ─────────────────────────────────────────────────────────────────────────────────

    def _api(self, parts: list[str]) -> None:
        if parts == ["repos", "create"]:
            self._create(json.loads(self.data))
        elif parts == ["whoami-v2"]:
            self._send(200 if self.signed_in else 401, {"type": "user", "name": "me"})
        elif parts == ["validate-yaml"]:
            self._send(200, {"errors": [], "warnings": []})
        elif parts[0] == "models" and len(parts) >= 3:
            name, rest = "/".join(parts[1:3]), parts[3:]
            repo = self._visible(name)
            if repo is None:
                return
            if rest[:1] == ["preupload"]:
                files = json.loads(self.data)["files"]
                self._send(200, {"files": [_mode(file["path"]) for file in files]})
            elif rest[:1] == ["commit"]:
                self._commit(name, repo)
            else:
                self._info(name, repo, rest[1] if rest[:1] == ["revision"] else "main")
        else:
            self._send(404, {"error": "no such call"})

    def _create(self, body: dict[str, Any]) -> None:
        if not self.signed_in:
            self._send(401, {"error": "sign in first"})
            return
        name = f"{body.get('organization') or 'me'}/{body['name']}"
        if not name.startswith("me/"):
            self._send(403, {"error": f"no rights in the namespace of {name}"})
        elif name in self.hub.repos:
            self._send(409, {"error": "You already created this model repo", "url": self._at(name)})
        else:
            private = body.get("visibility") == "private" or bool(body.get("private"))
            self.hub.repos[name] = Repo(private)
            self._send(200, {"url": self._at(name), "name": name})

    def _at(self, name: str) -> str:
        return f"{self.hub.url}/{name}"

    def _visible(self, name: str) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is not None and (self.signed_in or not repo.private):
            return repo
        told = {"X-Error-Code": "RepoNotFound"}
        self._send(404 if self.signed_in else 401, {"error": "Repository not found"}, told)
        return None

    def _info(self, name: str, repo: Repo, revision: str) -> None:
        found = repo.at(revision)
        if found is None:
            self._send(404, {"error": "no revision"}, {"X-Error-Code": "RevisionNotFound"})
            return
        commit, files = found
        siblings = [{"rfilename": path, "size": len(data)} for path, data in files.items()]
        values = {"id": name, "sha": commit, "private": repo.private, "siblings": siblings}
        self._send(200, values)

    def _commit(self, name: str, repo: Repo) -> None:
        files: dict[str, bytes] = {}
        for line in self.data.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.hub.kept[value["oid"]]
        commit = self.hub.put(name, files)
        url = f"{self._at(name)}/commit/{commit}"
        self._send(200, {"success": True, "commitUrl": url, "commitOid": commit})

    # ── files ───────────────────────────────────────────────────────────────────────────────────

    def _batch(self) -> None:
        objects = []
        for wanted in json.loads(self.data)["objects"]:
            oid = wanted["oid"]
            here = {} if oid in self.hub.kept else {"actions": {"upload": {"href": ""}}}
            if here:
                here["actions"]["upload"]["href"] = f"{self.hub.url}/lfs/{oid}"
            objects.append({**wanted, **here})
        self._send(200, {"transfer": "basic", "objects": objects})

    def _lfs(self, oid: str) -> None:
        if hashlib.sha256(self.data).hexdigest() != oid:
            self._send(400, {"error": "the digest is another one"})
            return
        self.hub.kept[oid] = self.data
        self._send(200, {})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repo = self._visible(name)
        if repo is None:
            return
        found = repo.at(revision)
        if found is None or path not in found[1]:
            self._send(404, {"error": "no file"}, {"X-Error-Code": "EntryNotFound"})
            return
        data = found[1][path]
        tag = hashlib.sha256(data).hexdigest()
        told = {"ETag": f'"{tag}"', "X-Repo-Commit": found[0], "Accept-Ranges": "bytes"}
        self._reply(200, data, told)

    def _send(self, status: int, values: Any, headers: dict[str, str] | None = None) -> None:
        told = {"Content-Type": "application/json", **(headers or {})}
        self._reply(status, json.dumps(values).encode(), told)

    def _reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _mode(path: str) -> dict[str, Any]:
    mode = "lfs" if path.endswith(".safetensors") else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False}
