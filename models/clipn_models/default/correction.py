"""The correction for photographs that arrive as thumbnails of 64 px in JPEG, computed from two views of the training photographs.

A thumbnail's pooled features are moved in one direction, and the same rule keeps and catches fewer of them. Pairs of views of the training
photographs, plain and as thumbnail, give that direction and a linear estimate of how far an image is moved (ridge regression, 0 for the
plain view and 1 for the thumbnail). Features are moved back by ``FURTHER`` times the estimate, which is folded into the layers that
read them, and the estimate itself moves the limits of all classes (``towers.Limit``). Both settings were chosen on the draw ``choice``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from . import cache, plan, towers

SETS = ("caltech-train", "mini", "dogs", "grocery-train")
"""Sets whose photographs are larger than 64 px, enough for the regression."""
RIDGE = 2000.0
FURTHER = 1.6
"""The features are moved back by this multiple of the estimate. The regression shrinks its answers, so this is more than one."""


@dataclass
class Degree:
    """``z`` [N, 1280] -> how much an image looks like a thumbnail, [N]; ``shift`` [1280]: mean thumbnail less mean plain view."""

    weight: Tensor
    bias: float
    shift: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        return z @ self.weight + self.bias

    def back(self, z: Tensor) -> Tensor:
        """``z`` moved back towards the plain view."""
        return z - FURTHER * self(z)[:, None] * self.shift

    def of_raw(self, mean: Tensor, deviation: Tensor) -> Degree:
        """The same for features x of which this reads (x - mean) / deviation."""
        weight = self.weight / deviation
        return Degree(weight, self.bias - float(weight @ mean), self.shift * deviation)

    @torch.no_grad()
    def fold(self, layer: nn.Linear) -> None:
        """Makes ``layer`` read features as they are and compute what it computed of features moved back. In place."""
        along = FURTHER * (layer.weight @ self.shift)
        layer.weight.sub_(torch.outer(along, self.weight))
        layer.bias.sub_(along * self.bias)


def fit(plain: Tensor, small: Tensor) -> Degree:
    """From scaled features of the same photographs, [N, 1280] each."""
    plain, small = plain.double(), small.double()
    x = torch.cat([plain, small])
    centre = x.mean(0)
    y = torch.cat([torch.full((len(plain),), -0.5), torch.full((len(small),), 0.5)]).double()
    square = (x - centre).T @ (x - centre) + RIDGE * torch.eye(x.shape[1]).double()
    weight = torch.linalg.solve(square, (x - centre).T @ y)
    return Degree(weight.float(), float(0.5 - centre @ weight), (small.mean(0) - plain.mean(0)).float())


def views(parts: list[plan.Part], graph: Path, workers: int, log=print) -> tuple[Tensor, Tensor]:
    """Pooled features [N, 1280] of the training photographs of ``SETS``, in the view that both stages use and as thumbnails; computed once."""
    parts = [p for p in parts if p.name in SETS]
    plain = [t for p in parts for t in p.tasks]
    small = [replace(t, out=t.out.with_name(t.out.name.replace(".random.", ".thumbnail.")), view="thumbnail") for t in plain]
    cache.compute_all(small, graph, workers, log)
    plain, small = (torch.from_numpy(cache.read(tasks)).float() for tasks in (plain, small))
    return plain, small


def correct(image: towers.ImageGraph, degree: Degree) -> None:
    """Puts the correction into a graph whose layers read pooled features as they are; ``degree`` reads them, too. In place."""
    for layer in (image.head.a, image.coordinates.a, image.pooled.model.classifier):
        degree.fold(layer)
    with torch.no_grad():
        image.limit.a.weight.copy_(degree.weight[None])
        image.limit.a.bias.fill_(degree.bias)


def save(degree: Degree, about: dict, path: Path) -> None:
    torch.save({"about": about, **asdict(degree)}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def load(path: Path, about: dict) -> Degree | None:
    """The degree that an earlier run saved with the same ``about``; ``None`` without one."""
    if not path.exists() or (kept := torch.load(path, weights_only=True)).pop("about") != about:
        return None
    return Degree(**kept)
