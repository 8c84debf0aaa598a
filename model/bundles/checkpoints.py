"""Where a pretrained decoder comes from: a folder of this machine, or the Hugging Face Hub."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.bundles.bundle import CONFIG
from model.bundles.hf_folder import read_decoder
from model.config import StudentConfig
from model.errors import BundleNotFound

USUAL_DECODER = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""Small enough for a CPU, taught to converse, under the Apache licence."""
WANTED = [
    *(CONFIG, "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
    "*.safetensors",
]
SPARE_BYTES = 500_000_000
"""What a download leaves free on the disk."""
TELL_EVERY_S = 1.0


def find_checkpoint(source: str, tell: Callable[[str], None] = lambda words: None) -> Path:
    """The folder of a checkpoint; one on the Hub is downloaded unless it was before.

    ``tell`` hears how far the download is. An empty ``source`` takes the usual one.
    Raises: BundleNotFound if it cannot be had, with what can be done about it.
    """
    source = source.strip() or USUAL_DECODER
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise BundleNotFound(
            f"There is no folder “{source}”, and it is no name on the Hub. Name a folder that "
            f"holds {CONFIG}, or a model such as {USUAL_DECODER}."
        )
    return known_checkpoint(source) or _download(source, tell)


def known_checkpoint(name: str) -> Path | None:
    """The folder of a model of the Hub that is on this machine already, or None."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name, allow_patterns=WANTED, ignore_patterns="*/*", local_files_only=True
            )
        )
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    return folder if (folder / CONFIG).is_file() and any(folder.glob("*.safetensors")) else None


def local_shape(source: str) -> StudentConfig | None:
    """The shape of a checkpoint that lies on this machine, or None. Needs no torch.

    Raises: BundleError if it is there, but cannot become a student.
    """
    source = source.strip() or USUAL_DECODER
    folder = Path(source).expanduser()
    found = folder if folder.is_dir() else known_checkpoint(source) if "/" in source else None
    return StudentConfig(read_decoder(found), preset="pretrained") if found else None


def _download(name: str, tell: Callable[[str], None]) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        DryRunError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    wanted: dict[str, Any] = {"allow_patterns": WANTED, "ignore_patterns": "*/*"}
    try:
        tell(f"asking the Hub for {name}")
        files = snapshot_download(name, dry_run=True, **wanted)
        missing = sum(each.file_size or 0 for each in files if each.will_download)
        check_disk(name, missing, Path(constants.HF_HUB_CACHE))
        return Path(snapshot_download(name, tqdm_class=progress_bar(name, tell), **wanted))
    except (GatedRepoError, RepositoryNotFoundError, HFValidationError) as error:
        raise BundleNotFound(
            f"The Hub does not give “{name}”: {_first_line(error)} Check the name; for a gated "
            "model accept its terms on the Hub and log in with “hf auth login”."
        ) from error
    except (DryRunError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise BundleNotFound(
            f"The Hub cannot be reached, and “{name}” is not on this machine: "
            f"{_first_line(error)} Go online once, or name a folder that holds the model."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def check_disk(name: str, needed: int, cache: Path) -> None:
    """Refuse a download that does not fit. Raises: BundleNotFound with both numbers."""
    place = next(each for each in (cache, *cache.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if needed + SPARE_BYTES > free:
        raise BundleNotFound(
            f"“{name}” takes {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free at {place}. "
            "Free some space, set HF_HOME to a larger disk, or choose a smaller model."
        )


def progress_bar(name: str, tell: Callable[[str], None]) -> type:
    """A bar for the Hub's downloads that speaks instead of drawing."""
    from tqdm.auto import tqdm

    class Told(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the Hub's own class takes it, tqdm does not
            self.told_at = 0.0
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> Any:
            shown = super().update(n)
            due = time.monotonic() - self.told_at > TELL_EVERY_S or self.n == self.total
            if due and self.unit == "B" and self.total:
                self.told_at = time.monotonic()
                tell(f"downloading {name}: {self.n / 1e6:.0f} of {self.total / 1e6:.0f} MB")
            return shown

    return Told
