"""Two processes that train one student take the steps that one process takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.config import DistillConfig
from model.errors import ConfigError
from tests.two_processes import STEPS, curve

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.long
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    out = tmp_path / "curve.json"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    subprocess.run(
        [*launcher, "--nproc-per-node=2", str(PROJECT / "tests" / "two_processes.py"), str(out)],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        check=True,
        timeout=600,
    )
    together = json.loads(out.read_text())
    alone = curve()
    assert len(together) == STEPS - 1, "the first one's word stops both"
    assert together == pytest.approx(alone, rel=1e-4)
    assert alone[-1] < alone[0]


def test_measuring_takes_one_process() -> None:
    with pytest.raises(ConfigError, match="2 processes cannot"):
        DistillConfig(processes=2, learn_from="measure")
