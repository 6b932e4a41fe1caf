"""Pooled features that represent all other images, made without photographs: the outputs that fine-tuning must not change.

A head that is trained on a few photographs of a few classes assigns every image to one of them. The bundle's own training photographs are
not available during fine-tuning, but its pretrained classifier is. A pooled feature to which one of the classifier's thousand directions
is added is classified as that class. On such features, and on made pictures, a loss keeps the outputs of the heads near to the former
ones (learning without forgetting: Li and Hoiem, ECCV 2016; features from a classifier's weights: similar to DeepInversion, Yin et al.,
CVPR 2020).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .data import Data, conse


class World:
    def __init__(self, image: nn.Module, data: Data, rng: np.random.Generator):
        weight = image.pooled.model.classifier.weight.detach()
        self.image, self.data, self.rng = image, data, rng
        self.direction = weight / weight.norm(dim=-1, keepdim=True)
        self.raw = (data.z[:, ~data.held] * data.deviation + data.mean).flatten(0, 1)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """z float32 [count, 1280] scaled as ``Data.z``, and conse unit [count, 384]."""
        rng, base = self.rng, self.raw[self.rng.integers(0, len(self.raw), count)]
        own, push = (torch.from_numpy(rng.uniform(low, 1, (count, 1))).float() for low in (0.0, 0.3))
        towards = self.direction[rng.integers(0, len(self.direction), count)] * base.norm(dim=-1, keepdim=True) * push
        pooled = (base * own + base.mean(0) * (1 - own) + towards).clamp(min=0)
        return (pooled - self.data.mean) / self.data.deviation, conse(self.image, pooled)
