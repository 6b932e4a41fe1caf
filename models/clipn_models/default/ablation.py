"""Measures variants of the default on the classes set apart for choices, for ``ablate`` and for its rows with a file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..evaluate import compare, mean, scores
from . import cache, features, plan, towers
from .features import Data
from .make import Work, strange_pictures
from .stage_two import SCALE, Fold, StageTwo, encode
from .stage_two import Preset as SecondPreset
from .texts import Texts
from .towers import ImageHead

TENANTS, SIZE = 20, 10


@dataclass
class View:
    """Inputs of the heads: of the photographs that are measured, and of strange pictures."""

    z: Tensor
    conse: Tensor
    far_z: Tensor
    far_conse: Tensor


class Ablation:
    """The classes set apart for choices, their photographs, and the measurement of heads on them as seeded tenants of ten classes."""

    def __init__(self, work: Work, log=print):
        self.sets, self.apart = work.sets()
        self.texts = Texts(self.sets, self.apart, work.folder, work.wheels)
        self.data = features.load(self.sets, self.apart, self.texts, work.features, towers.SIZE, towers.LITE, work.wheels)
        parts = plan.held_out(self.sets, self.apart, "choice", towers.SIZE, work.features)
        cache.compute_all([t for p in parts for t in p.tasks], work.graph, work.workers, log)
        names, label, pooled = [], [], []
        for part in parts:
            classes = sorted(set(part.labels))
            label.append(np.array([classes.index(c) for c in part.labels]) + len(names))
            names += [self.sets[part.name].categories[c].names[0] for c in classes]
            pooled.append(cache.read(list(part.tasks)))
        raw = np.concatenate(pooled)
        self.label, self.classes = np.concatenate(label), len(names)
        self.text = torch.from_numpy(self.texts.of(names))
        self.seen = self.view(raw, np.concatenate([np.load(path) for path in strange_pictures(work.features, work.graph)]))

    def view(self, pooled: np.ndarray, far: np.ndarray) -> View:
        """Inputs of the heads from pooled features of the draw's photographs and of the strange pictures."""
        scale = self.data.scale
        return View(scale.z(pooled), scale.conse(pooled), scale.z(far), scale.conse(far))

    def stage_two(self, seen: View, head: ImageHead, data: Data, parts: list[Fold], preset: SecondPreset) -> dict:
        """Trains stage two on ``data`` and measures it with ``head`` on ``seen``."""
        coordinates, no = StageTwo(data, parts, preset).run()
        v, far_v = encode(head, seen.z, seen.conse), encode(head, seen.far_z, seen.far_conse)
        with torch.no_grad():
            return self.measure(v, coordinates(seen.z, v), no(self.text), (far_v, coordinates(seen.far_z, far_v)))

    def tenants(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The classes of each seeded tenant, and which photographs show one of them."""
        for seed in range(TENANTS):
            kept = np.sort(np.random.default_rng([9, seed]).permutation(self.classes)[:SIZE])
            yield kept, np.isin(self.label, kept)

    def measure(self, v: Tensor, u: Tensor | None, no: Tensor | None, far: tuple[Tensor, Tensor] | None = None) -> dict:
        """Figures of tenants of ten classes. Without a no side only the scores that do not use it are meaningful."""
        u = unit_coordinates(len(v)) if u is None else u
        image, yes = towers.image_feature(v, u).numpy(), towers.yes_feature(self.text).numpy()
        no_side = yes if no is None else no.numpy()
        results, top1, caught = [], [], []
        for kept, inside in self.tenants():
            s_in, s_out = (scores(image[rows], yes[kept], no_side[kept], SCALE) for rows in (inside, ~inside))
            results.append(compare(s_in, s_out))
            top1.append(float((kept[s_in["index"]] == self.label[inside]).mean()))
            if far is not None:
                caught.append(float(scores(towers.image_feature(*far).numpy(), yes[kept], no_side[kept], SCALE)["reject_ctw"].mean()))
        return {"top1": float(np.mean(top1)), "no_side": no is not None, "strange": float(np.mean(caught)) if caught else None, **mean(results)}


def unit_coordinates(count: int) -> Tensor:
    """The coordinates of an image side that was not trained to have any."""
    u = torch.zeros(count, towers.COORDINATES)
    u[:, 0] = 1
    return u
