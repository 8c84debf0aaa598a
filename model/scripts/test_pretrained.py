"""Say whether a bundle is what it says: hashes, shapes, a generation, the figures in its card.

    python -m model.scripts.test_pretrained assets/student
    python -m model.scripts.test_pretrained my-student --questions 400

The last line of stdout is JSON.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from model import paths
from model.scripts.console import INTERRUPTED, write_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; 0 when every promise holds, 1 when one is broken, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    # torch takes a second to import; --help does not wait for it
    from model.learning.bundle_checks import Check, check_bundle

    found: list[Check] = []
    try:
        for check in check_bundle(_folder(options), options.questions):
            found.append(check)
            print(f"{check.result:<8} {check.name:<18} {check.words}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        return INTERRUPTED
    broken = sum(check.result == "failed" for check in found)
    values = {"bundle": str(_folder(options)), "ok": not broken, "checks": list(map(asdict, found))}
    write_json(values, options.out)
    return int(broken > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="test_pretrained",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundle", type=Path, help="folder of a bundle, or the id of a student of the workspace"
    )
    parser.add_argument(
        "--questions", type=int, default=100, help="asked to measure the figures (%(default)s)"
    )
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    parser.add_argument("--workspace", type=Path, default=paths.default_workspace())
    return parser


def _folder(options: argparse.Namespace) -> Path:
    mine = paths.students(options.workspace) / options.bundle
    found: Path = mine if mine.is_dir() and not options.bundle.is_dir() else options.bundle
    return found


if __name__ == "__main__":
    sys.exit(main())
