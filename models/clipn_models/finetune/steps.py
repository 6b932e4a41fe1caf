"""The two steps of fine-tuning, on features of frozen backbones.

First the image head learns to distinguish the classes (``image_head``). Then the no side learns which images are not of a class, from
tenants imagined among the classes (``NoSide``). As in the default's recipe the features are cross-fitted, here over classes
and photographs: a share of the classes, and a share of the photographs of the other classes, are not used to train the head of a fold. The
members of an imagined tenant are then new photographs of known classes, and the others are of unknown classes, as in the service.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..default.stage_one import rate
from ..default.stage_two import SCALE
from ..default.towers import NoLimit, image_feature, yes_feature
from ..losses import draw_tenant, tenant_loss
from .data import Data
from .world import World


@dataclass(frozen=True)
class Preset:
    steps: int = 150
    """of the image head, for each fold and for the last one"""
    no_steps: int = 500
    batch: int = 256
    folds: int = 4
    """1: no cross-fitting"""
    temperature: float = 0.07
    alike: float = 0.6
    """Pretrained classes whose names have at least this cosine to an image's class are no negatives of it."""
    near: float = 1.0
    """weight of the distance from the features of the same photographs before"""
    world: float = 10.0
    """the same for features that represent all other images"""
    lr: float = 3e-4
    no_lr: float = 8e-4
    weight_decay: float = 0.05
    dropout: float = 0.2
    tenants: int = 6
    whole: float = 0.1
    """share of the imagined tenants that may register classes which the fold's head has not seen"""
    keep: float = 1.0
    """weight of images that belong against those that do not, in CTW's loss"""
    pairs: float = 0.1
    """weight of the paper's pairwise losses"""
    hold: float = 3.0
    """weight of the distance from the no side's earlier outputs, for other names"""
    hold_world: float = 4.0
    """weight of the distance from the earlier no logits, on features that represent all other images"""
    made: int = 64
    clip: float = 5.0


@dataclass
class Heads:
    """The learned parts of a bundle, reading features of deviation one."""

    image: nn.Module
    coordinates: nn.Module
    no: nn.Module
    limit: nn.Module = field(default_factory=NoLimit)
    """is not trained"""

    def feature(self, z: Tensor, v: Tensor) -> Tensor:
        """Image features [N, 512] of scaled pooled features and of v, which a head gave of them."""
        return image_feature(v, self.coordinates(z, v), self.limit(z))


@dataclass
class Fold:
    """A head, the classes that it has not seen, and all features by it: v unit [V, N, 384], made [M, 384]."""

    head: nn.Module
    unseen: np.ndarray
    fresh: np.ndarray
    """bool [N]: photographs that are trained on and that this head has not seen"""
    v: Tensor
    made: Tensor


def train(parameters: list[nn.Parameter], steps: int, lr: float, preset: Preset, loss_of: Callable[[], Tensor], log=lambda step, loss: None) -> None:
    """AdamW, cosine after a short warm-up, gradients clipped. Raises FloatingPointError if a loss is not finite."""
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=preset.weight_decay)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps, lr, warm=20)
        loss = loss_of()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {step + 1} is not a finite number")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, preset.clip)
        optimizer.step()
        log(step + 1, float(loss.detach()))


def image_head(before: nn.Module, data: Data, names: Tensor, photographs: np.ndarray, preset: Preset, world: World) -> nn.Module:
    """A head trained on the photographs ``photographs`` (indices), each class as often as any other. ``names`` [K, 384]: other names."""
    head = copy.deepcopy(before).train().requires_grad_(True)
    head.dropout, rng, label = preset.dropout, world.rng, data.label
    classes = np.unique(label[photographs])
    place = np.full(len(data.text), -1)
    place[classes] = np.arange(len(classes))
    texts = torch.cat([data.text[classes], names])
    alike = F.pad(data.text @ names.T > preset.alike, (len(classes), 0))
    share = 1 / np.bincount(label[photographs], minlength=len(place))[label[photographs]]
    share /= share.sum()

    def moved(z: Tensor, conse: Tensor, v: Tensor) -> Tensor:
        with torch.no_grad():
            was = before(z, conse)
        return (1 - (v * was).sum(-1)).mean()

    def loss() -> Tensor:
        rows, view = rng.choice(photographs, preset.batch, p=share), rng.integers(0, len(data.z), preset.batch)
        z, conse = data.z[view, rows], data.conse[view, rows]
        v = head(z, conse)
        logits = (v @ texts.T).masked_fill(alike[label[rows]], -1e4) / preset.temperature
        other = world.draw(preset.batch // 2)
        return F.cross_entropy(logits, torch.from_numpy(place[label[rows]])) + preset.near * moved(z, conse, v) + preset.world * moved(*other, head(*other))

    train(list(head.parameters()), preset.steps, preset.lr, preset, loss)
    return head.eval().requires_grad_(False)


def encode(head: nn.Module, data: Data) -> tuple[Tensor, Tensor]:
    """v unit [V, N, 384] of the photographs and [M, 384] of made pictures."""
    with torch.no_grad():
        return torch.stack([head(z, c) for z, c in zip(data.z, data.conse, strict=True)]), head(data.made, data.made_conse)


def split(data: Data, preset: Preset, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each fold: bool [C] the classes it does not see, bool [N] the photographs that it is trained on."""
    classes, photographs = (rng.permutation(n) % preset.folds for n in (len(data.text), len(data.label)))
    if preset.folds == 1:
        return [(np.zeros(len(data.text), bool), ~data.held)]
    return [(classes == k, ~data.held & (photographs != k) & (classes != k)[data.label]) for k in range(preset.folds)]


class NoSide:
    """Trains ``heads.coordinates`` and ``heads.no`` in place, on the folds; ``names`` [K, 384] are other names than the classes'."""

    def __init__(self, heads: Heads, data: Data, folds: list[Fold], names: Tensor, preset: Preset, world: World):
        self.heads, self.data, self.folds, self.names, self.preset, self.world = heads, data, folds, names, preset, world
        self.before = copy.deepcopy(heads)
        with torch.no_grad():
            self.no_before = heads.no(names)

    def run(self, log=lambda step, loss: None) -> None:
        modules = (self.heads.coordinates, self.heads.no)
        for module, dropout in zip(modules, (0.2, 0.1), strict=True):
            module.train().requires_grad_(True)
            module.dropout = dropout
        train([p for m in modules for p in m.parameters()], self.preset.no_steps, self.preset.no_lr, self.preset, self._loss, log)
        for module in modules:
            module.eval().requires_grad_(False)

    def _loss(self) -> Tensor:
        data, preset, rng = self.data, self.preset, self.world.rng
        fold = self.folds[rng.integers(len(self.folds))]
        rows = self._photographs(fold)
        view, made = rng.integers(0, len(data.z), len(rows)), rng.integers(0, len(data.made), preset.made)
        v, z = torch.cat([fold.v[view, rows], fold.made[made]]), torch.cat([data.z[view, rows], data.made[made]])
        image = self.heads.feature(z, v)
        cos_yes, cos_no = image @ yes_feature(data.text).T, image @ self.heads.no(data.text).T
        relation = torch.zeros(len(v), len(data.text), dtype=torch.int8)
        relation[torch.arange(len(rows)), torch.from_numpy(data.label[rows])] = 1
        tenants = [tenant_loss(cos_yes, cos_no, SCALE, relation, self._tenant(fold), preset.keep) for _ in range(preset.tenants)]
        x = SCALE * (cos_no - cos_yes)
        loss = preset.pairs * (F.softplus(x[relation == 1]).mean() + F.softplus(-x[relation == 0]).mean())
        return loss + sum(t for t in tenants if t is not None) / preset.tenants + self._held(fold, made)

    def _photographs(self, fold: Fold) -> np.ndarray:
        """Photographs that the fold's head has not seen, as many of each class."""
        count, rng = len(self.data.text), self.world.rng
        rows = [np.flatnonzero(fold.fresh & (self.data.label == c)) for c in range(count)]
        return np.concatenate([rng.choice(r, max(1, self.preset.batch // count)) for r in rows if len(r)])

    def _tenant(self, fold: Fold) -> Tensor:
        rng, count = self.world.rng, len(self.data.text)
        pool = np.arange(count) if rng.random() < self.preset.whole else np.flatnonzero(~fold.unseen)
        registered = torch.zeros(count, dtype=torch.bool)
        registered[torch.from_numpy(pool)] = draw_tenant(len(pool), len(pool) + 0.5, rng)
        return registered

    def _held(self, fold: Fold, made: np.ndarray) -> Tensor:
        """The change of the outputs for all other images."""
        rng, before, now = self.world.rng, self.before, self.heads
        some = torch.from_numpy(rng.permutation(len(self.names))[:64])
        z, conse = self.world.draw(96)
        z, conse = torch.cat([z, self.data.made[made][:32]]), torch.cat([conse, self.data.made_conse[made][:32]])
        no, yes = now.no(self.names[some]), yes_feature(self.names[some])
        with torch.no_grad():
            v, u = before.image(z, conse), fold.head(z, conse)
            was = SCALE * before.feature(z, v) @ (self.no_before[some] - yes).T
        x = SCALE * now.feature(z, u) @ (no - yes).T
        drift = SCALE * (no - self.no_before[some])
        return self.preset.hold_world * F.smooth_l1_loss(x, was) + self.preset.hold * 0.01 * drift.square().sum(-1).mean()
