"""Stage two, CLIPN: image and yes features are frozen, the no side is trained to recognise images that do not belong to a class.

Two additions to the paper. First, tenants are imagined: some of the classes are registered, and the conditions of
ATD and CTW are losses on whether an image belongs (``losses.tenant_loss``), in addition to the paper's pairwise losses. Second,
the features are cross-fitted: stage one runs once without each third of the classes, and the no side learns mostly from
photographs and names that were not used to train the head that encoded them. If it learns from classes of the head's own training, its
limits are too high for images of unseen classes (41 % kept instead of 67 % on the classes for choices).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import draw_tenant, tenant_loss
from .features import Data
from .stage_one import Preset as FirstPreset
from .stage_one import StageOne, rate
from .towers import Coordinates, ImageHead, NoHead, image_feature, yes_feature

SCALE = 100.0


@dataclass(frozen=True)
class Preset:
    steps: int = 400
    folds: int = 3
    classes: int = 64
    photographs: int = 6
    """of each class in a step"""
    general: int = 12
    """more general names in a step"""
    made: int = 64
    tenants: int = 6
    """imagined in a step, of 1 to ``largest`` of the step's classes"""
    largest: float = 0.7
    seen: float = 0.15
    """share of the steps on classes that the head was trained on"""
    keep: float = 2.0
    """weight of images that belong against those that do not, in CTW's loss"""
    membership: float = 1.0
    """weight of the losses of imagined tenants"""
    pairs: float = 0.1
    """weight of the paper's pairwise losses"""
    alike: float = 0.7
    """classes whose names have at least this cosine are not negatives of each other"""
    lr: float = 1e-3
    weight_decay: float = 0.2
    dropout: float = 0.1
    image_dropout: float = 0.2


@dataclass
class Fold:
    """Image features of all photographs and made pictures by a head that has not seen the classes ``unseen``."""

    unseen: np.ndarray
    v: Tensor
    made: Tensor


def encode(head: ImageHead, z: Tensor, conse: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([head(a, b) for a, b in zip(z.split(8000), conse.split(8000), strict=True)])


def folds(data: Data, first: FirstPreset, count: int, seed: int = 5, log=print) -> list[Fold]:
    order = np.random.default_rng(seed).permutation(data.text.shape[1])
    out = []
    for number in range(count):
        without = np.sort(order[number::count])
        head = StageOne(data, first, without).run()
        out.append(Fold(without, encode(head, data.z, data.conse), encode(head, data.made, data.made_conse)))
        log(f"fold {number + 1} of {count}: a head without {len(without)} of {data.text.shape[1]} names")
    return out


class StageTwo:
    """Trains ``coordinates`` (image side) and ``no`` (text side)."""

    def __init__(self, data: Data, parts: list[Fold], preset: Preset, seed: int = 0):
        torch.manual_seed(seed)
        self.data, self.parts, self.preset, self.rng = data, parts, preset, np.random.default_rng(seed)
        self.no, self.coordinates = NoHead(preset.dropout), Coordinates(preset.image_dropout)
        self.rows = [np.flatnonzero(data.label == c) for c in range(len(data.names))]
        self.enough = np.array([len(r) > 3 for r in self.rows])
        self.origin = np.array([data.origin[r[0]] if len(r) else "" for r in self.rows])
        own = data.text[0][: len(data.names)]
        alike = (own @ own.T > preset.alike).numpy()
        np.fill_diagonal(alike, False)
        self.alike = torch.from_numpy(alike)
        self.learning = [*self.no.parameters(), *self.coordinates.parameters()]
        self.optimizer = torch.optim.AdamW(self.learning, lr=preset.lr, weight_decay=preset.weight_decay)

    def run(self, log=lambda step, loss: None) -> tuple[Coordinates, NoHead]:
        for step in range(self.preset.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = rate(step, self.preset.steps, self.preset.lr, warm=30)
            loss = self._loss()
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.learning, 5.0)
            self.optimizer.step()
            log(step, float(loss.detach()))
        return self.coordinates.eval(), self.no.eval()

    def _classes(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """Classes of a step and more general names: half of the time from three sets with classes that are easily confused."""
        pool = np.zeros(self.data.text.shape[1], bool)
        pool[fold.unseen] = True
        if self.rng.random() < self.preset.seen:
            pool = ~pool
        count = len(self.rows)
        general = np.flatnonzero(pool[count:])
        pool = np.flatnonzero(pool[:count] & self.enough)
        if self.rng.random() < 0.5:
            sets = sorted(set(self.origin[pool]))
            near = pool[np.isin(self.origin[pool], self.rng.choice(sets, min(3, len(sets)), replace=False))]
            pool = near if len(near) > 20 else pool
        classes = self.rng.permutation(pool)[: self.preset.classes]
        fitting = general[self.data.kind[classes][:, general].any(0).numpy()]
        return classes, np.unique(np.r_[self.rng.permutation(fitting), self.rng.permutation(general)][: self.preset.general])

    def _loss(self) -> Tensor:
        d, p = self.data, self.preset
        fold = self.parts[self.rng.integers(len(self.parts))]
        classes, general = self._classes(fold)
        rows = np.concatenate([self.rng.choice(self.rows[c], p.photographs) for c in classes])
        shown = torch.arange(len(classes)).repeat_interleave(p.photographs)
        made = self.rng.integers(0, len(d.made), p.made)
        v, z = torch.cat([fold.v[rows], fold.made[made]]), torch.cat([d.z[rows], d.made[made]])
        image, text = image_feature(v, self.coordinates(z, v)), d.text[0][np.r_[classes, general + len(d.names)]]
        cos_yes, cos_no = image @ yes_feature(text).T, image @ self.no(text).T
        relation = torch.zeros(len(image), len(text), dtype=torch.int8)
        relation[: len(rows), : len(classes)] -= self.alike[classes][:, classes][shown].to(torch.int8)
        relation[torch.arange(len(rows)), shown] = 1
        relation[: len(rows), len(classes) :] = d.kind[classes][:, general][shown].to(torch.int8)
        loss = p.membership * sum(self._tenant(cos_yes, cos_no, relation) for _ in range(p.tenants)) / p.tenants
        x = SCALE * (cos_no - cos_yes)
        return loss + p.pairs * (F.softplus(x[relation == 1]).mean() + F.softplus(-x[relation == 0]).mean())

    def _tenant(self, cos_yes: Tensor, cos_no: Tensor, relation: Tensor) -> Tensor:
        """The loss of one imagined tenant; zero if the step lacks images that belong, or images that do not."""
        registered = draw_tenant(relation.shape[1], relation.shape[1] * self.preset.largest, self.rng)
        loss = tenant_loss(cos_yes, cos_no, SCALE, relation, registered, self.preset.keep)
        return cos_no.sum() * 0 if loss is None else loss
