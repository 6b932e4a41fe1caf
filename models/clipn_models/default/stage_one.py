"""Stage one (LiT, Zhai et al., CVPR 2022, with the text side locked): only the head of the image tower learns.

Image against names: cross-entropy over all training classes and a random thousand of other nouns. Image against captions: the
contrastive loss of CLIP. The head starts at zero, so that the feature is that of ConSE, which covers the whole vocabulary of the text
tower. The head adds little to it, and the text side does not change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .features import Data
from .towers import ImageHead


@dataclass(frozen=True)
class Preset:
    steps: int = 200
    batch: int = 512
    captioned: int = 256
    caption_weight: float = 0.3
    temperature: float = 0.07
    nouns: int = 1000
    alike: float = 0.6
    """Nouns with at least this cosine to the image's class are no negatives of it: a hound is a dog."""
    lr: float = 1e-3
    weight_decay: float = 0.1
    dropout: float = 0.2
    general: float = 0.15
    """share of the photographs, of those that have one, that are asked for by a more general name"""
    other_templates: float = 0.5
    """share of the steps that read the names in another template than the bundle's"""


def rate(step: int, steps: int, most: float, warm: int = 40) -> float:
    """Cosine to zero after a short warm-up."""
    return most * 0.5 * (1 + np.cos(np.pi * step / steps)) * min(1.0, (step + 1) / warm)


class StageOne:
    """``without``: classes and more general names that this run does not use, for stage two's folds: indices into ``data.text``."""

    def __init__(self, data: Data, preset: Preset, without: np.ndarray | None = None, seed: int = 0):
        torch.manual_seed(seed)
        self.data, self.preset, self.rng = data, preset, np.random.default_rng(seed)
        self.head = ImageHead(preset.dropout)
        use = np.ones(data.text.shape[1], bool)
        if without is not None:
            use[without] = False
        self.classes = np.flatnonzero(use)
        self.place = np.full(len(use), -1)
        self.place[self.classes] = np.arange(len(self.classes))
        count = len(data.names)
        # fits[c, j]: the j-th text in use is true of class c
        fits = torch.cat([torch.eye(count, dtype=torch.bool), data.kind], 1)
        self.fits = fits[:, self.classes]
        self.general = [np.flatnonzero(use[count:] & row) + count for row in data.kind.numpy()]
        self.rows = np.flatnonzero((data.label >= 0) & use[np.maximum(data.label, 0)])
        counts = np.bincount(data.label[self.rows], minlength=count)
        weight = 1 / np.sqrt(np.maximum(counts[data.label[self.rows]], 1))
        self.weight = weight / weight.sum()
        self.alike = data.text[0][self.classes] @ data.nouns.T > preset.alike
        self.captioned = np.array([row for row, some in data.captions.items() if len(some)])
        self.optimizer = torch.optim.AdamW([{"params": list(self.head.parameters()), "most": preset.lr}], weight_decay=preset.weight_decay)

    def run(self, log=lambda step, loss: None, start: int = 0) -> ImageHead:
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        for step in range(start, self.preset.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = rate(step, self.preset.steps, group["most"])
            loss = self.loss()
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, 5.0)
            self.optimizer.step()
            log(step, float(loss.detach()))
        return self.head.eval()

    def feature(self, rows: np.ndarray) -> Tensor:
        """v of the photographs ``rows``, unit [len(rows), 384]."""
        return self.head(self.data.z[rows], self.data.conse[rows])

    def loss(self) -> Tensor:
        """The loss of one step."""
        return self._names() + self.preset.caption_weight * self._captions()

    def _names(self) -> Tensor:
        d, p = self.data, self.preset
        rows = self.rng.choice(self.rows, p.batch, p=self.weight)
        template = int(self.rng.integers(len(d.text))) if self.rng.random() < p.other_templates else 0
        nouns = self.rng.permutation(len(d.nouns))[: p.nouns]
        labels = d.label[rows]
        target = torch.from_numpy(self.place[[self._asked(c) for c in labels]])
        texts = torch.cat([d.text[template][self.classes], d.nouns[nouns]])
        logits = self.feature(rows) @ texts.T / p.temperature
        hidden = torch.cat([self.fits[labels], self.alike[:, nouns][target]], 1)
        hidden[torch.arange(len(rows)), target] = False
        return F.cross_entropy(logits.masked_fill(hidden, -1e4), target)

    def _asked(self, label: int) -> int:
        """The target text of a photograph of a class: its name, or sometimes a more general one."""
        general = self.general[label]
        return int(self.rng.choice(general)) if len(general) and self.rng.random() < self.preset.general else label

    def _captions(self) -> Tensor:
        d, p = self.data, self.preset
        rows = self.rng.choice(self.captioned, min(p.captioned, len(self.captioned)), replace=False)
        texts = torch.from_numpy(np.stack([d.captions[r][self.rng.integers(len(d.captions[r]))] for r in rows]))
        logits = self.feature(rows) @ texts.T / p.temperature
        target = torch.arange(len(rows))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
