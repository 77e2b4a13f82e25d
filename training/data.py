"""Scenes as tensors, drawn once and kept in `build/`."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.drawing import SIZE_PX
from training.kinds import SYMMETRIC_KINDS
from training.scenes import TRAINING_SEEDS, Scene, make_scene

CACHE = Path("build/scenes")
HELD_OUT_SEED = 0


def draw(seeds: range) -> tuple[np.ndarray, list[Scene]]:
    """Scenes of `seeds` as uint8 (n, 128, 128, 3), with their descriptions."""
    images = np.empty((len(seeds), SIZE_PX, SIZE_PX, 3), np.uint8)
    scenes = []
    for index, seed in enumerate(seeds):
        scene, image = make_scene(seed)
        images[index] = np.asarray(image)
        scenes.append(scene)
    return images, scenes


def load_scenes(count: int, held_out: bool = False) -> tuple[Tensor, Tensor]:
    """(pictures uint8 (n, 128, 128, 3), whether each is mirror-symmetric as float (n,))."""
    images, scenes = load_described(count, held_out)
    return images, torch.tensor([float(scene.kind in SYMMETRIC_KINDS) for scene in scenes])


def load_described(count: int, held_out: bool = False) -> tuple[Tensor, list[Scene]]:
    """Pictures and descriptions of `count` scenes; training scenes are cached, held-out ones drawn."""
    if held_out:
        images, scenes = draw(range(HELD_OUT_SEED, HELD_OUT_SEED + count))
        return torch.from_numpy(images), scenes
    CACHE.mkdir(parents=True, exist_ok=True)
    pixels, texts = CACHE / f"{count}.npy", CACHE / f"{count}.json"
    if not texts.exists():
        first = TRAINING_SEEDS.start
        chunks = [range(first + i, first + min(i + 500, count)) for i in range(0, count, 500)]
        with ProcessPoolExecutor() as pool:
            drawn = list(pool.map(draw, chunks))
        np.save(pixels, np.concatenate([images for images, _ in drawn]))
        texts.write_text(json.dumps([vars(scene) for _, part in drawn for scene in part]))
    return torch.from_numpy(np.load(pixels)), [Scene(**entry) for entry in json.loads(texts.read_text())]
