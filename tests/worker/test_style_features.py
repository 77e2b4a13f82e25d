from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from jobs.settings import Settings
from sampler.constraints.style import StyleConstraint, grams
from sampler.engine import run
from tests.sampler.autoencoders import invertible
from training.judge import load_judge
from worker.errors import ModelUnusable
from worker.style_features import (
    CLIP_MEAN,
    CLIP_STD,
    JudgeFeatures,
    find_style_features,
    load_clip_features,
    load_judge_features,
)

JUDGE = Path(__file__).parents[2] / "models" / "judge"
CPU = torch.device("cpu")


def picture(side: int = 128) -> torch.Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP vision tower of four blocks with random weights, 8×8 patches of a 64×64 picture."""
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=64,
        patch_size=8,
        projection_dim=16,
    )
    folder = tmp_path_factory.mktemp("clip")
    CLIPVisionModel(config).save_pretrained(folder, safe_serialization=True)
    return folder


def test_clip_tokens_are_those_after_the_wanted_block_of_the_whole_tower(clip_folder: Path) -> None:
    whole = CLIPVisionModel.from_pretrained(clip_folder).eval()
    mean, std = torch.tensor(CLIP_MEAN).reshape(3, 1, 1), torch.tensor(CLIP_STD).reshape(3, 1, 1)
    image = picture(64)
    with torch.no_grad():
        states = whole(pixel_values=(((image + 1) / 2 - mean) / std)[None], output_hidden_states=True).hidden_states
        for blocks in (1, 3):
            (tokens,) = load_clip_features(clip_folder, CPU, blocks)(image)
            assert tokens.shape == (64, 32)
            assert torch.allclose(tokens, states[blocks][0, 1:], atol=1e-5)


def test_clip_scales_pictures_of_other_sizes(clip_folder: Path) -> None:
    (tokens,) = load_clip_features(clip_folder, CPU)(picture(128))
    assert tokens.shape == (64, 32)


@pytest.mark.parametrize("blocks", [0, 5])
def test_a_block_that_clip_does_not_have_is_refused(clip_folder: Path, blocks: int) -> None:
    with pytest.raises(ModelUnusable, match="has 4 blocks"):
        load_clip_features(clip_folder, CPU, blocks)


def test_a_folder_without_networks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="CLIP"):
        load_clip_features(tmp_path, CPU)
    with pytest.raises(ModelUnusable, match="classifier"):
        load_judge_features(tmp_path, CPU)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"body.0.weight": torch.zeros(1)}, tmp_path / "judge.safetensors")
    with pytest.raises(ModelUnusable, match="classifier"):
        load_judge_features(tmp_path, CPU)


def test_judge_features_end_in_those_of_the_trained_judge() -> None:
    judge, features = load_judge(JUDGE), load_judge_features(JUDGE, CPU, layers=(0, 1, 2, 3))
    maps = features(picture())
    assert [tuple(layer.shape) for layer in maps] == [(24, 32, 32), (48, 16, 16), (96, 8, 8), (128, 4, 4)]
    with torch.no_grad():
        assert torch.allclose(maps[-1].flatten(), judge.features(picture()[None])[0], atol=1e-5)


def test_both_networks_drive_a_style_and_keep_their_weights_to_themselves(clip_folder: Path) -> None:
    world = invertible()
    reference = world.decode_one(torch.randn(4, 32, 32, generator=torch.Generator().manual_seed(1)))
    z = torch.randn(4, 32, 32, generator=torch.Generator().manual_seed(2))
    for features in (load_clip_features(clip_folder, CPU), load_judge_features(JUDGE, CPU)):
        constraint = StyleConstraint(features, grams(features, reference))
        first = run(constraint.misfit(z), world)
        assert first.residual > 0
        assert run(constraint.misfit(z + 0.5 * first.direction), world).residual < first.residual
        assert run(constraint.misfit(world.encode_one(reference)), world).residual < 1e-3


def test_the_classifier_beside_the_model_sees_styles_and_other_models_need_a_setting(
    tmp_path: Path, tiny_folder: Path
) -> None:
    assert isinstance(find_style_features(Settings(), CPU), JudgeFeatures)
    assert find_style_features(Settings(model=str(tiny_folder)), CPU) is None
    with pytest.raises(ModelUnusable):
        find_style_features(Settings(model=str(tiny_folder), style_model=str(tmp_path)), CPU)
