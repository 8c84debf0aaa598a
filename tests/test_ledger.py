from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ledger import Figures, Ledger


def _never() -> Figures:
    raise AssertionError("it was measured already")


def test_a_stopped_measurement_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "figures.jsonl"
    first = Ledger(path)
    assert first.once("seed 0", {"steps": 4}, lambda: {"gain": 0.25}) == {"gain": 0.25}
    assert first.once("seed 0", {"steps": 4}, _never) == {"gain": 0.25}
    again = Ledger(path)
    assert again.once("seed 0", {"steps": 4}, _never) == {"gain": 0.25}
    assert again.once("seed 1", {"steps": 4}, lambda: {"gain": 0.5}) == {"gain": 0.5}
    assert len(path.read_text().splitlines()) == 2


def test_figures_of_other_settings_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    Ledger(path).once("seed 0", {"steps": 4}, lambda: {"gain": 0.25})
    other = Ledger(path)
    assert other.once("seed 0", {"steps": 8}, lambda: {"gain": 0.75}) == {"gain": 0.75}
    assert Ledger(path).once("seed 0", {"steps": 4}, _never) == {"gain": 0.25}


def test_a_line_that_was_cut_off_is_measured_anew(tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    Ledger(path).once("seed 0", {"steps": 4}, lambda: {"gain": 0.25})
    whole = path.read_text()
    path.write_text(whole + whole[:-20].replace("seed 0", "seed 1"))
    again = Ledger(path)
    assert again.once("seed 0", {"steps": 4}, _never) == {"gain": 0.25}
    assert again.once("seed 1", {"steps": 4}, lambda: {"gain": 0.5}) == {"gain": 0.5}
    assert Ledger(path).once("seed 1", {"steps": 4}, _never) == {"gain": 0.5}


def test_a_failed_piece_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    with pytest.raises(AssertionError):
        Ledger(path).once("seed 0", {"steps": 4}, _never)
    assert not path.exists()
