"""Fine-tuning of the tail of the image tower with stage one's losses, tied to the frozen features: a variant, which the default does not use.

The losses are those of ``stage_one``. Two distances keep the tail near its start: from the scaled pooled features, and from the pretrained
classifier's probabilities (distillation). Afterwards the weights of tail and head can be averaged with the frozen ones (``tail.between``).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .features import Data
from .stage_one import Preset, StageOne
from .tail import Activations, Tail
from .towers import ImageHead, unit


@dataclass(frozen=True)
class TuningPreset:
    without: tuple[str, ...] = ("tiny-train", "cifar-train")
    """sets that are left out: their photographs have 64 and 32 px"""
    steps: int = 250
    batch: int = 128
    captioned: int = 48
    lr: float = 2e-4
    """of the head"""
    tail_lr: float = 1e-4
    near: float = 0.3
    """weight of the distance from the frozen features"""
    same: float = 0.3
    """weight of the distance from the frozen classifier's probabilities"""

    def first(self, preset: Preset) -> Preset:
        return Preset(**{**vars(preset), "steps": self.steps, "batch": self.batch, "captioned": self.captioned, "lr": self.lr})


def used(data: Data, preset: TuningPreset) -> np.ndarray:
    """Rows of the photographs that the tail is trained on."""
    return np.flatnonzero(~np.isin(data.origin, preset.without))


class Tuning(StageOne):
    """Stage one's training of ``head`` and ``tail`` together, from their trained and pretrained weights.

    ``front``: activations of the rows of ``data`` that ``used`` gives, in their order.
    """

    SAVE_EVERY = 50

    def __init__(self, data: Data, preset: TuningPreset, head: ImageHead, tail: Tail, front: Activations, without: np.ndarray | None = None, seed: int = 0):
        super().__init__(data, preset.first(Preset()), without, seed)
        self.tuning, self.front, self.distance = preset, front, torch.zeros(())
        rows = used(data, preset)
        self.at = np.full(len(data.label), -1)
        self.at[rows] = np.arange(len(rows))
        self.captioned = self.captioned[self.at[self.captioned] >= 0]
        self.weight = np.where(self.at[self.rows] >= 0, self.weight, 0)
        self.weight /= self.weight.sum()
        self.head.load_state_dict(head.state_dict())
        self.head.train()
        self.tail = copy.deepcopy(tail).requires_grad_(True)
        heads = {"params": list(self.head.parameters()), "most": preset.lr}
        self.optimizer = torch.optim.AdamW([heads, {"params": list(self.tail.parameters()), "most": preset.tail_lr, "weight_decay": 0.0}])

    def feature(self, rows: np.ndarray) -> Tensor:
        d, p = self.data, self.tuning
        pooled = self.tail(self.front[self.at[rows]])
        z = (pooled - d.scale.mean) / d.scale.deviation
        logits = d.scale.classifier(pooled)
        with torch.no_grad():
            before = d.scale.classifier(d.z[rows] * d.scale.deviation + d.scale.mean).softmax(-1)
        self.distance = self.distance + p.near * F.mse_loss(z, d.z[rows]) + p.same * F.kl_div(logits.log_softmax(-1), before, reduction="batchmean")
        return self.head(z, unit(logits.softmax(-1) @ d.scale.names))

    def loss(self) -> Tensor:
        self.distance = torch.zeros(())
        return super().loss() + self.distance

    def train(self, checkpoint: Path, log=print) -> None:
        """All steps, from the checkpoint on if there is one of the same preset."""
        start = self._resume(checkpoint)

        def after(step: int, loss: float) -> None:
            if step % self.SAVE_EVERY == self.SAVE_EVERY - 1:
                log(f"fine-tuning, step {step + 1} of {self.preset.steps}: loss {loss:.3f}, of which distance {float(self.distance.detach()):.3f}")
                self._save(checkpoint, step + 1)

        self.run(after, start)
        self.tail.eval().requires_grad_(False)

    def _save(self, path: Path, step: int) -> None:
        parts = {"head": self.head.state_dict(), "tail": self.tail.state_dict(), "optimizer": self.optimizer.state_dict()}
        generators = {"rng": self.rng.bit_generator.state, "torch": torch.get_rng_state()}
        torch.save({"step": step, "about": vars(self.tuning), **parts, **generators}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def _resume(self, path: Path) -> int:
        if not path.exists() or (kept := torch.load(path, weights_only=False))["about"] != vars(self.tuning):
            return 0
        self.head.load_state_dict(kept["head"])
        self.tail.load_state_dict(kept["tail"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.rng.bit_generator.state = kept["rng"]
        torch.set_rng_state(kept["torch"])
        return kept["step"]
