"""Training data of both stages: features of photographs and pictures, the classes they show, their texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import backbone, cache, plan
from .apart import Apart
from .kinds import kinds_of
from .sources import PhotoSet
from .texts import CAPTIONS, TEMPLATES, Texts
from .towers import unit


@dataclass
class Data:
    """``z`` float32 [N, 1280] scaled to deviation one, ``conse`` unit [N, 384], ``label`` [N] (-1: has captions), ``origin`` [N] set names."""

    z: Tensor
    conse: Tensor
    label: np.ndarray
    origin: np.ndarray
    names: list[str]
    text: Tensor
    """[templates, C + K, 384]: classes, then more general names"""
    kind: Tensor
    """bool [C, K]: which of the more general names each class is (``kinds``)"""
    nouns: Tensor
    captions: dict[int, np.ndarray]
    """row -> its captions' features [n, 384]"""
    made: Tensor
    made_conse: Tensor
    scale: Scaling


@dataclass
class Scaling:
    """Converts pooled features to the inputs of the heads, with the mean and deviation of each feature and the names of the pretrained classes."""

    mean: Tensor
    deviation: Tensor
    classifier: torch.nn.Module
    names: Tensor

    def z(self, pooled: np.ndarray) -> Tensor:
        return (torch.from_numpy(pooled).float() - self.mean) / self.deviation

    @torch.no_grad()
    def conse(self, pooled: np.ndarray) -> Tensor:
        parts = torch.from_numpy(pooled).float().split(4000)
        return torch.cat([unit(torch.softmax(self.classifier(p), -1) @ self.names) for p in parts])


def load(sets: dict[str, PhotoSet], apart: Apart, texts: Texts, folder: Path, size: int, lite: int, wheels: Path | None) -> Data:
    """Loads everything from the cache; ``cache.compute_all`` must have run. Classes of one name in several sets are one class."""
    parts = plan.training(sets, apart, size, folder)
    names: dict[str, int] = {}
    shown: list[str] = []
    pooled, label, origin, captions, row = [], [], [], {}, 0
    for part in parts:
        photos = sets[part.name]
        pooled.append(cache.read(list(part.tasks)))
        if part.labels[0] >= 0:
            for category in sorted(set(part.labels)):
                name = photos.categories[category].names[0]
                if name.lower() not in names:
                    names[name.lower()] = len(shown)
                    shown.append(name)
            label.append(np.array([names[photos.categories[c].names[0].lower()] for c in part.labels]))
        else:
            label.append(np.full(len(part.rows), -1))
            captions |= captions_of(photos, part, texts, row)
        origin.append(np.full(len(part.rows), part.name))
        row += len(part.rows)
    raw = np.concatenate(pooled)
    first = torch.from_numpy(raw[:20_000]).float()
    general, kind = kinds_of(sets, apart, shown)
    scale = Scaling(first.mean(0), first.std(0) + 0.05, backbone.load(lite, wheels).classifier, torch.from_numpy(texts.imagenet()))
    made = np.concatenate([np.load(path) for path in sorted(folder.glob("made.train.*.npy"))])
    return Data(
        scale.z(raw),
        scale.conse(raw),
        np.concatenate(label),
        np.concatenate(origin),
        shown,
        torch.from_numpy(np.stack([np.concatenate([texts.of(shown, t), texts.general(general, t)]) for t in range(len(TEMPLATES))])),
        torch.from_numpy(kind),
        torch.from_numpy(texts.nouns),
        captions,
        scale.z(made),
        scale.conse(made),
        scale,
    )


def captions_of(photos: PhotoSet, part: plan.Part, texts: Texts, row: int) -> dict[int, np.ndarray]:
    """Features of the captions of a part's photographs, by row from ``row`` on."""
    lines = [photos.captions[i][:CAPTIONS] for i in part.rows]
    features = texts.captions(part.name, [text for some in lines for text in some])
    out, at = {}, 0
    for number, some in enumerate(lines):
        out[row + number] = features[at : at + len(some)]
        at += len(some)
    return out
