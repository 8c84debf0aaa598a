"""Students on the Hugging Face Hub: a bundle goes there with a card, and comes back checked.

The token is handed in by whoever read it from the environment; a stored sign-in is never used.
Files are sent and fetched one by one, so that progress is told and a stop is heard in between
blocks. Nothing of a pulled student is executed: its files are JSON and safetensors.
"""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm  # type: ignore[import-untyped]

from model.bundles.bundle import CARD, CONFIG, OUR_KEY, TOKENIZER, WEIGHTS, read_bundle
from model.bundles.hf_writing import TOKENIZER_CONFIG, tokenizer_config
from model.bundles.hub_card import hub_card
from model.bundles.ollama_bundle import sha256_of
from model.errors import BundleIncompatible, HubError

FILES = (CONFIG, TOKENIZER, CARD, WEIGHTS)
README = "README.md"
_MADE_WITH = ".gitattributes"
"""The file with which the Hub makes a repository."""
BLOCK = 2**18
"""Bytes between two words about progress."""
MOST_BYTES = 8 * 2**30
_MEGABYTE = 2**20
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class HubPlace:
    """Where a student lies on the Hub: ``owner/name`` and the commit."""

    repo: str
    commit: str
    url: str = ""


class _Told(io.BufferedReader):
    """A file that tells how much of it was read, once ``telling`` is set: hashing is no news."""

    def __init__(self, path: Path, on_read: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(path))
        self._on_read, self._said = on_read, 0
        self._size = path.stat().st_size
        self.telling = False

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; every ``BLOCK`` of them, and at the end, the listener hears of it."""
        data = super().read(size)
        place = self.tell()
        if self.telling and (place - self._said >= BLOCK or place == self._size != self._said):
            self._said = place
            self._on_read(place)
        return data


class Hub:
    """One Hub and one token. ``on_step`` hears words and a share from 0 to 1."""

    def __init__(self, token: str = "", endpoint: str = "") -> None:
        """Without a token only public students can be pulled."""
        self._signed_in = bool(token)
        # False, not None: None would look for a sign-in that some other program stored
        self._api = HfApi(endpoint=endpoint or None, token=token or False)

    @property
    def address(self) -> str:
        """The base URL that is called."""
        return str(self._api.endpoint)

    # ── there ───────────────────────────────────────────────────────────────────────────────────

    def push(
        self,
        path: Path,
        repo: str,
        *,
        private: bool = True,
        again: bool = False,
        licence: str = "",
        on_step: Progress = lambda words, share: None,
    ) -> HubPlace:
        """Send a bundle as one commit; ``again`` allows a further commit to what is there already.

        Raises: HubError, BundleError.
        """
        bundle = read_bundle(path)
        if not self._signed_in:
            raise HubError(
                "There is no token for the Hub. Make one with write access at "
                "huggingface.co/settings/tokens, set HF_TOKEN to it, and start the app again."
            )
        with self._translated(repo):
            name = self._repo(repo, private, again)
            texts = {
                README: hub_card(bundle, name, licence),
                TOKENIZER_CONFIG: tokenizer_config(bundle.config),
            }
            on_step(f"Sending to {name}", 0.0)
            texts |= {
                file: (path / file).read_text(encoding="utf-8")
                for file in (CONFIG, TOKENIZER, CARD)
                if (path / file).is_file()
            }
            size = (path / WEIGHTS).stat().st_size

            def told(read: int) -> None:
                on_step(f"Sending {WEIGHTS}: {read / _MEGABYTE:.1f} MB", read / max(size, 1))

            with _Told(path / WEIGHTS, told) as weights:
                added = [CommitOperationAdd(WEIGHTS, weights)]
                weights.telling = True
                commit = self._api.create_commit(
                    name,
                    [*added, *(CommitOperationAdd(n, t.encode()) for n, t in texts.items())],
                    commit_message=f"{bundle.card.name}, weights {bundle.weights_hash[:6]}",
                )
        return HubPlace(name, str(commit.oid), f"{self.address}/{name}")

    def _repo(self, repo: str, private: bool, again: bool) -> str:
        """Make the repository, or make sure that what is there may be written to."""
        try:
            return str(self._api.create_repo(repo, private=private).repo_id)
        except HfHubHTTPError as error:
            if error.response.status_code != 409:
                raise
        if "/" not in repo:
            repo = f"{self._api.whoami()['name']}/{repo}"
        info = self._api.model_info(repo)
        # a push that broke off has left an empty one: there is nothing in it to add to
        if not again and {file.rfilename for file in info.siblings or ()} - {_MADE_WITH}:
            raise HubError(
                f"{repo} is on the Hub already. Tick “add to it if it is there”, or choose another "
                "name."
            )
        if private and not info.private:
            raise HubError(
                f"{repo} is there already, and public. Untick “private” if everybody may see this "
                "student, or choose another name."
            )
        return repo

    # ── and back ────────────────────────────────────────────────────────────────────────────────

    def pull(
        self,
        repo: str,
        folder: Path,
        *,
        revision: str = "",
        on_step: Progress = lambda words, share: None,
    ) -> HubPlace:
        """Fetch a student into a new ``folder``, all of it or nothing, and check it.

        A pretrained Llama becomes a bundle: it loads as a student whose eyes have learned nothing.
        Raises: HubError, BundleError.
        """
        draft = folder.with_name(f".{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            with self._translated(repo, revision):
                place = self._fetch(repo, revision, draft, on_step)
            on_step("Checking the student", 0.97)
            _settle(draft, place)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return place

    def _fetch(self, repo: str, revision: str, draft: Path, on_step: Progress) -> HubPlace:
        info = self._api.model_info(repo, revision=revision or None, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        missing = [name for name in (CONFIG, TOKENIZER, WEIGHTS) if name not in sizes]
        if missing:
            raise BundleIncompatible(
                f"{repo} holds no student: {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing. Choose a repository that was "
                "pushed from this app, or a small Llama in one safetensors file."
            )
        wanted = [name for name in FILES if name in sizes]
        total = sum(sizes[name] for name in wanted)
        room = min(MOST_BYTES, shutil.disk_usage(draft).free // 2)
        if total > room:
            raise HubError(
                f"{repo} takes {total / 1e9:.1f} GB; there is room for {room / 1e9:.1f} GB. Choose "
                "a smaller student, or make room."
            )
        done = 0
        for name in wanted:
            before = done

            def told(read: int, name: str = name, before: int = before) -> None:
                words = f"Fetching {name}: {read / _MEGABYTE:.1f} MB"
                on_step(words, min(0.95, 0.95 * (before + read) / max(total, 1)))

            told(0)
            self._api.hf_hub_download(
                repo, name, revision=info.sha, local_dir=draft, tqdm_class=_bar(told)
            )
            done += sizes[name]
        return HubPlace(repo, str(info.sha), f"{self.address}/{repo}")

    @contextmanager
    def _translated(self, repo: str, revision: str = "") -> Iterator[None]:
        """Turns what the library raises into words that a person can act on."""
        try:
            yield
        except HFValidationError as error:
            raise HubError(
                f"“{repo}” is not a name on the Hub: write it as owner/name, with letters, digits, "
                "dots, dashes and underscores, 96 at most."
            ) from error
        except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
            raise HubError(
                f"{self.address} was not asked: this machine is set to be offline, or lost its "
                "connection. Unset HF_HUB_OFFLINE, or try again."
            ) from error
        except RuntimeError as error:
            # this is how the library tells that a file could not be sent
            if not isinstance(error.__cause__, httpx2.HTTPError | OSError):
                raise
            raise HubError(self._words(error.__cause__, repo, revision)) from error
        except (httpx2.HTTPError, OSError) as error:
            raise HubError(self._words(error, repo, revision)) from error

    def _words(self, error: Exception, repo: str, revision: str) -> str:
        if isinstance(error, HfHubHTTPError):
            return self._refusal(error, repo, revision)
        return (
            f"{self.address} does not answer ({type(error).__name__}). Check the network, then "
            "try again; what was not sent or fetched whole was left out."
        )

    def _refusal(self, error: HfHubHTTPError, repo: str, revision: str) -> str:
        status = error.response.status_code
        token = "" if self._signed_in else " There is no token: set HF_TOKEN if it is private."
        if isinstance(error, GatedRepoError):
            return f"{repo} asks for consent first: give it on its page, then pull again.{token}"
        if isinstance(error, RevisionNotFoundError):
            return f"{repo} has no revision “{revision}”. Leave it empty for the newest."
        if isinstance(error, EntryNotFoundError):
            return f"A file of {repo} is gone. It was changed meanwhile; try again."
        if status == 401 and self._signed_in and not isinstance(error, RepositoryNotFoundError):
            return "The Hub does not know the token in HF_TOKEN (401). Make a new one."
        if isinstance(error, RepositoryNotFoundError) or status == 404:
            return f"{repo} is not on the Hub, or is not for this token to see ({status}).{token}"
        if status == 403:
            return (
                f"The token may not write to {repo} (403). It needs write access there; make one "
                "that has it, or choose a name of your own."
            )
        if status == 409:
            return f"{repo} was changed by somebody else at the same time (409). Try again."
        if status == 429:
            return "The Hub wants fewer requests (429). Wait a few minutes, then try again."
        words = " ".join((error.server_message or "").split())[:200]
        return f"The Hub refused {repo} ({status}){': ' + words if words else ''}. Try again later."


def folder_name(repo: str) -> str:
    """A folder for a student of this repository: ``me/My student`` → ``hub-My-student``."""
    return f"hub-{_NAME.sub('-', repo.rpartition('/')[2]).strip('-.') or 'student'}"


def _bar(told: Callable[[int], None]) -> type[Any]:
    """A progress bar for the library that draws nothing and tells the bytes so far."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})
            self.read = int(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self.read += int(n or 0)
            told(self.read)
            return None

    return Bar


def _settle(draft: Path, place: HubPlace) -> None:
    """Check what was fetched, and note where it comes from. Raises: BundleError."""
    shutil.rmtree(draft / ".cache", ignore_errors=True)  # the library's notes about the download
    try:
        values = json.loads((draft / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise BundleIncompatible(f"{place.repo}: {CONFIG} is not JSON ({error}).") from error
    came = f"the Hub, {place.repo} at {place.commit[:7]}"
    if not isinstance(values, dict) or OUR_KEY not in values:
        _make_bundle(draft, came)
        return
    bundle = read_bundle(draft)
    found = sha256_of(draft / WEIGHTS)
    if found != bundle.weights_hash:
        raise BundleIncompatible(
            f"The weights of {place.repo} are not those that its {CONFIG} names ({found[:6]} "
            f"instead of {bundle.weights_hash[:6]}). Push the student again where it comes from."
        )
    values[OUR_KEY]["card"]["origin"] = f"{bundle.card.origin}; from {came}".removeprefix("; ")
    (draft / CONFIG).write_text(json.dumps(values, indent=2), encoding="utf-8")


def _make_bundle(draft: Path, came: str) -> None:
    """Turn a fetched Llama into a bundle in its place. Raises: BundleError."""
    # torch is heavy: a bundle of ours is checked without it
    from model.model import ImageTokenReasoningLLM

    student = ImageTokenReasoningLLM.load_from_bundle(draft)
    name = came.removeprefix("the Hub, ").partition(" at ")[0].rpartition("/")[2]
    student.card = replace(student.card, name=name, origin=f"{came}; its eyes are new")
    student.save(draft)
