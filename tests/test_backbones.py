"""Pretrained eyes: genuine file formats, the peers' own features, frozen, adapted and cached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.models import resnet18
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
)

from model.bundles.backbones import load_tower
from model.config import DistillConfig
from model.errors import BundleIncompatible, BundleNotFound, ConfigError
from model.jobs.learners import make_learner
from model.learning.feature_cache import keep_features
from model.model import ImageTokenReasoningLLM
from model.network.backbones import PretrainedTower
from model.network.image_tokenizer import to_pixels
from model.network.lora import LoraLinear, merge_lora
from model.paths import SHIPPED_BUNDLE
from tests.small import make_tokenizer

TEXT = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "vocab_size": 30,
    "max_position_embeddings": 8,
}
EYES = {
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 8,
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random checkpoints in the formats in which the real ones come."""
    folder = tmp_path_factory.mktemp("eyes")
    torch.manual_seed(0)
    clip = CLIPConfig(
        text_config=CLIPTextConfig(**TEXT).to_dict(),
        vision_config=CLIPVisionConfig(**EYES).to_dict(),
        projection_dim=12,
    )
    CLIPModel(clip).save_pretrained(folder / "clip")
    siglip = SiglipConfig(
        text_config=SiglipTextConfig(**TEXT).to_dict(),
        vision_config=SiglipVisionConfig(**EYES).to_dict(),
    )
    SiglipModel(siglip).save_pretrained(folder / "siglip")
    torch.save(resnet18().state_dict(), folder / "resnet18.pth")
    return {
        "clip": folder / "clip",
        "siglip": folder / "siglip",
        "resnet": folder / "resnet18.pth",
    }


def pixels(tower: PretrainedTower, count: int = 2) -> Tensor:
    """Pictures of one colour each, as the tower reads them."""
    colours = [(200, 30, 40), (20, 80, 220), (90, 200, 60)][:count]
    pictures = [Image.new("RGB", (80, 60), colour) for colour in colours]
    return to_pixels(pictures, tower.config.image_size)


@pytest.mark.parametrize("kind", ["clip", "siglip", "resnet"])
def test_every_backbone_gives_patches_and_a_unit_embedding(
    kind: str, sources: dict[str, Path]
) -> None:
    tower = load_tower(kind, str(sources[kind])).eval()
    patches_NPM = tower(pixels(tower))
    assert patches_NPM.shape == (2, tower.config.num_patches, tower.config.hidden_size)
    assert tower.config.num_patches == 49
    embedding_NE = tower.embed(patches_NPM)
    assert embedding_NE.shape == (2, 512)
    assert embedding_NE.detach().norm(dim=-1) == pytest.approx([1.0, 1.0], abs=1e-5)


def test_clip_sees_what_transformers_sees(sources: dict[str, Path]) -> None:
    tower = load_tower("clip", str(sources["clip"])).eval()
    tower.config = replace(tower.config, tokens_per_side=0)
    peer = CLIPModel.from_pretrained(sources["clip"]).eval()
    shown = pixels(tower)
    mean = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(3, 1, 1)
    deviation = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(3, 1, 1)
    with torch.no_grad():
        own = tower.features(shown)
        states = peer.vision_model((shown * 0.5 + 0.5 - mean) / deviation).last_hidden_state
    assert own.shape == (2, 64, 24)
    assert torch.allclose(own, states[:, 1:], atol=1e-5)


def test_siglip_sees_what_transformers_sees(sources: dict[str, Path]) -> None:
    tower = load_tower("siglip", str(sources["siglip"])).eval()
    tower.config = replace(tower.config, tokens_per_side=0)
    peer = SiglipModel.from_pretrained(sources["siglip"]).eval()
    shown = pixels(tower)
    with torch.no_grad():
        states = peer.vision_model(shown).last_hidden_state
        assert torch.allclose(tower.features(shown), states, atol=1e-5)


def test_a_frozen_backbone_stays_as_it_is_and_its_head_learns(sources: dict[str, Path]) -> None:
    tower = load_tower("resnet", str(sources["resnet"])).train()
    before = {name: value.clone() for name, value in tower.backbone.state_dict().items()}
    loss = tower.embed(tower(pixels(tower)))[:, 0].sum()
    loss.backward()
    assert tower.embedding_head.weight.grad is not None
    assert all(parameter.grad is None for parameter in tower.backbone.parameters())
    after = tower.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before), "running averages, too"


def test_lora_begins_as_nothing_learns_and_folds_away(sources: dict[str, Path]) -> None:
    plain = load_tower("clip", str(sources["clip"])).eval()
    tower = load_tower("clip", str(sources["clip"]), lora_rank=3).eval()
    shown = pixels(tower)
    assert torch.allclose(plain(shown), tower(shown), atol=1e-6)
    adapters = [m for m in tower.backbone.modules() if isinstance(m, LoraLinear)]
    assert len(adapters) == 4, "queries and values of two layers"
    optimizer = torch.optim.SGD([p for p in tower.parameters() if p.requires_grad], lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        (tower(shown)[0] - tower(shown)[1]).square().mean().neg().backward()
        optimizer.step()
    assert any(bool(adapter.lora_b.abs().sum() > 0) for adapter in adapters)
    learned = tower(shown).detach()
    assert merge_lora(tower.backbone) == 4
    assert torch.allclose(tower(shown), learned, atol=1e-5)


def test_a_picture_passes_through_a_frozen_backbone_once(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    tower = load_tower("clip", str(sources["clip"])).eval()
    plain = tower(pixels(tower, 3))
    cache = keep_features(tower, tmp_path / "features")
    tower(pixels(tower, 2))
    assert torch.allclose(tower(pixels(tower, 3)), plain, atol=2e-3), "kept in float16"
    assert cache.misses == 3
    again = load_tower("clip", str(sources["clip"])).eval()
    assert keep_features(again, tmp_path / "features").misses == 0
    again(pixels(again, 3))
    assert len(list((tmp_path / "features").glob("*.npy"))) == 3


def test_features_of_eyes_that_learn_are_not_kept(sources: dict[str, Path], tmp_path: Path) -> None:
    tower = load_tower("clip", str(sources["clip"]), lora_rank=2)
    with pytest.raises(ValueError, match="cannot be kept"):
        keep_features(tower, tmp_path)


@pytest.mark.parametrize(("kind", "rank"), [("clip", 0), ("siglip", 2), ("resnet", 0)])
def test_a_student_with_pretrained_eyes_comes_back_from_its_bundle(
    kind: str, rank: int, sources: dict[str, Path], tmp_path: Path
) -> None:
    tower = load_tower(kind, str(sources[kind]), lora_rank=rank)
    student = ImageTokenReasoningLLM.new("tiny", make_tokenizer(), vision=tower.config)
    student.vision_tower = tower
    student.eval().save(tmp_path / "bundle")
    again = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "bundle")
    assert again.config.vision.backbone == kind
    picture = Image.new("RGB", (50, 50), (20, 120, 200))
    first, second = (s.picture_embeddings([picture]) for s in (student, again))
    assert torch.allclose(first, second, atol=5e-3), "kept in float16"
    assert again.generate("What is this?", [picture], max_tokens=4) is not None


def test_a_run_from_scratch_takes_the_eyes_that_it_names(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    config = DistillConfig(base="tiny", backbone="clip", backbone_source=str(sources["clip"]))
    learner = make_learner(config, tmp_path, SHIPPED_BUNDLE)
    assert learner.config.vision.hidden_size == 24
    assert isinstance(learner.vision_tower, PretrainedTower)


def test_missing_eyes_are_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match="Go online once, or name a folder"):
        load_tower("clip", str(tmp_path / "nothing"))
    with pytest.raises(BundleNotFound, match="resnet weights"):
        load_tower("resnet", str(tmp_path / "nothing.pth"))


def test_eyes_of_another_kind_are_refused(sources: dict[str, Path]) -> None:
    with pytest.raises(BundleIncompatible, match="not a clip"):
        load_tower("clip", str(sources["siglip"]))
    with pytest.raises(ConfigError, match="0 layers"):
        load_tower("resnet", str(sources["resnet"]), lora_rank=4)
