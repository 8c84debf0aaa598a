"""Whole runs on a pretrained decoder, in genuine worker processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from model.config import DistillConfig
from model.errors import BundleError, ConfigError
from model.learning import memory
from model.model import ImageTokenReasoningLLM
from model.network.lora import LoraLinear
from model.records import OPEN_STATES, RunInfo
from model.workspace import Workspace
from tests.tiny_checkpoints import smollm

LIMIT_S = 300.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return smollm(tmp_path_factory.mktemp("checkpoint") / "tiny-smollm")


def _config(folder: Path, **changes: object) -> DistillConfig:
    values = {"prompts": 16, "steps": 4, "batch_size": 2, "decoder_lora_rank": 2, **changes}
    return DistillConfig(base="pretrained", decoder_source=str(folder), **values)  # type: ignore[arg-type]


def _run(workspace: Workspace, config: DistillConfig) -> RunInfo:
    run, deadline = workspace.start_run(config), time.monotonic() + LIMIT_S
    while (info := workspace.run(run)).state in OPEN_STATES:
        assert time.monotonic() < deadline, f"{info}\n{workspace.run_log(run)}"
    return info


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "changes", [{"packing": True, "save_memory": True}, {"processes": 2}], ids=["one", "two"]
)
def test_a_pretrained_student_is_taught_and_saved_whole(
    changes: dict[str, object], folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    done = _run(workspace, _config(folder, **changes))
    assert done.state == "done", f"{done.message}\n{workspace.run_log(done.id)}"
    assert done.step == 4
    assert done.student
    bundle = workspace.folder / "students" / done.student
    learned = ImageTokenReasoningLLM.load_from_bundle(bundle)
    assert "on the pretrained tiny-smollm" in learned.card.origin
    assert not any(isinstance(each, LoraLinear) for each in learned.modules()), "folded in"
    plain = ImageTokenReasoningLLM.load_from_bundle(folder)
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(learned.state_dict()[name], plain.state_dict()[name].half().float())
    workspace.close()


def test_the_budget_knows_the_checkpoint_and_refuses_what_cannot_fit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    budget = workspace.budget(_config(folder))
    assert "speaks already" in budget.advice
    assert 0.6e3 < budget.memory_mb < 1.5e3
    monkeypatch.setattr("model.workspace.free_bytes", lambda: memory.PROCESS_BYTES)
    with pytest.raises(ConfigError, match=r"needs about \d\.\d GB of memory, but 0\.8 GB are free"):
        workspace.start_run(_config(folder))
    assert workspace.runs() == (), "nothing was queued"
    workspace.close()


def test_a_folder_that_is_no_checkpoint_is_told_before_the_start(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    with pytest.raises(BundleError, match="There is no model in"):
        workspace.start_run(_config(tmp_path))
    workspace.close()


def test_visitors_name_no_folders(tmp_path: Path, folder: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", teacher_address="http://127.0.0.1:9")
    assert str(folder) not in workspace.command(_config(folder))
    workspace.close()
