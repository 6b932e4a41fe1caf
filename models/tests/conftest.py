from __future__ import annotations

import json
from pathlib import Path

import made_pairs
import numpy as np
import pytest
import torch
from timm.models import register_model

from clipn_models import packs
from clipn_models.towers import ResNet9

torch.set_num_threads(1)  # small matrices: more threads only wait for each other


@register_model
def clipn_mini(pretrained: bool = False, **_: object) -> ResNet9:
    """The default's tower, small enough to train in seconds."""
    return ResNet9((8, 16, 24, 32))


MINI = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "timm_model_name": "clipn_mini", "timm_pool": "avg", "timm_proj": "linear"},
    "text_cfg": {"context_length": 16, "vocab_size": 700, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="session")
def mini_arch(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("arch") / "mini.json"
    path.write_text(json.dumps(MINI))
    return str(path)


def write(root: Path, name: str, pixels: np.ndarray, labels: np.ndarray, meta: dict) -> None:
    np.save(root / f"{name}.pixels.npy", pixels)
    np.save(root / f"{name}.labels.npy", labels.astype(np.int64))
    (root / f"{name}.json").write_text(json.dumps(meta))


@pytest.fixture(scope="session")
def tiny_packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made data that can be learned: each class is a colour; captions name it."""
    root = tmp_path_factory.mktemp("packs")
    rng = np.random.default_rng(0)
    colours = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 40, 220), "white": (240, 240, 240)}
    names = list(colours)

    def images(count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % len(names)
        base = np.array([colours[names[k]] for k in labels])[:, None, None, :]
        return np.clip(base + rng.normal(0, 25, (count, side, side, 3)), 0, 255).astype(np.uint8), labels

    for split, count in (("cifar-train", 400), ("cifar-test", 100)):
        write(root, split, *images(count, 32), {"classes": names})
    pixels, labels = images(100, 32)
    write(root, "flickr-train", pixels, np.arange(100), {"captions": [[f"something {names[k]} number {i}" for i in range(5)] for k in labels]})
    assert packs.load_pack(root, "cifar-train").classes == names
    return root


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> made_pairs.Made:
    """Image-caption pairs and a CLIP for the recipe."""
    return made_pairs.make(tmp_path_factory.mktemp("made"))
