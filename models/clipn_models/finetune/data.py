"""Pooled features of the user's photographs by a bundle's own backbone, computed once and kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .. import class_folders
from ..default import backbone, cache, make

VIEWS = 3
"""Views of each photograph: the service's own, and augmented random crops (``default/augment.py``)."""


@dataclass
class Data:
    """Features of deviation one; N photographs in V views, M made pictures, C classes."""

    z: Tensor
    """float32 [V, N, 1280]; view 0 is the service's"""
    conse: Tensor
    """unit [V, N, 384]"""
    made: Tensor
    """float32 [M, 1280]"""
    made_conse: Tensor
    label: np.ndarray
    """int64 [N]"""
    text: Tensor
    """unit [C, 384]: the yes features of the class names"""
    held: np.ndarray
    """bool [N]: the held-out photographs"""
    mean: Tensor
    deviation: Tensor


def key(checksum: str, photographs: class_folders.Photographs) -> str:
    """Names the features of these photographs by this image graph. A photograph is known by its path and size."""
    files = [[str(p), p.stat().st_size] for p in photographs.paths]
    return hashlib.sha256(json.dumps([checksum, files]).encode()).hexdigest()[:16]


def pooled(image: nn.Module, size: int, photographs: class_folders.Photographs, folder: Path, workers: int, say=print) -> tuple[np.ndarray, np.ndarray]:
    """float16 [V, N, 1280] of the photographs and [M, 1280] of made pictures. Results that an interrupted run left in ``folder`` are used.

    ``image``: the bundle's image graph in PyTorch; ``size`` of its input.
    """
    graph, paths = folder / "backbone.onnx", list(photographs.paths)
    if not graph.exists():
        part = graph.with_suffix(".part")
        backbone.export(image.pooled, part, size)
        part.replace(graph)
    views = [cache.tasks_of("mine", paths, "centre" if v == 0 else "random", size, folder, v) for v in range(VIEWS)]
    cache.compute_all([task for tasks in views for task in tasks], graph, workers, say)
    make.made_part(paths[:200], 0, folder, str(graph))
    return np.stack([cache.read(tasks) for tasks in views]), np.load(folder / "made.train.000.npy")


def conse(image: nn.Module, features: Tensor) -> Tensor:
    """Pooled [.., 1280] -> unit [.., 384]: the mean of the names of the pretrained classes, weighted by their probabilities."""
    with torch.no_grad():
        return nn.functional.normalize(torch.softmax(image.pooled.model.classifier(features), -1) @ image.names, dim=-1)


def prepare(image: nn.Module, text: Tensor, features: np.ndarray, made: np.ndarray, photographs: class_folders.Photographs, held: np.ndarray) -> Data:
    """``features`` and ``made`` as ``pooled`` gives them. Mean and deviation are those of the photographs that are trained on."""
    raw, drawn = torch.from_numpy(features).float(), torch.from_numpy(made).float()
    known = raw[:, ~held].flatten(0, 1)
    mean, deviation = known.mean(0), known.std(0) + 0.05
    return Data(
        (raw - mean) / deviation,
        conse(image, raw),
        (drawn - mean) / deviation,
        conse(image, drawn),
        photographs.label,
        text,
        held,
        mean,
        deviation,
    )
