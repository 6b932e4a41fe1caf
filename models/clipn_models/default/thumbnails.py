"""The rows of ``ablate-default --thumbnails``: corrections of the image side for photographs that arrive as thumbnails of 64 px in JPEG.

A thumbnail's pooled features are moved in one direction, and the same rule keeps and catches fewer of them. Pairs of views of the training
photographs, plain and as thumbnail, give that direction and a linear estimate of how far an image is moved (ridge regression, 0 for the
plain view and 1 for the thumbnail). Both corrections are linear in the pooled features, so they can be folded into the heads' first layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..evaluate import compare, mean, scores
from . import cache, plan, towers
from .make import Work, train
from .stage_two import SCALE, encode
from .towers import Coordinates, ImageHead, NoHead

if TYPE_CHECKING:
    from .ablate import Ablation

SETS = ("caltech-train", "mini", "dogs", "grocery-train")
"""Sets whose photographs are larger than 64 px, enough for the regression."""
RIDGE = 2000.0
FURTHER = 1.6
"""The features are moved back by this multiple of the estimate. The regression shrinks its answers, so this is more than one."""
LIMIT = 0.3
"""Added to the no logit of each class, times the estimate."""
SHARES = ("id_accepted", "ood_rejected")
PLAIN, WORST = "centre", "thumb64jpeg"

Inputs = Callable[[Tensor], Tensor]


@dataclass
class Degree:
    """``z`` [N, 1280] -> how much an image looks like a thumbnail, [N]; ``shift`` [1280]: mean thumbnail less mean plain view."""

    weight: Tensor
    bias: float
    shift: Tensor
    directions: Tensor
    """[k, 1280]: unit, the largest principal directions of the differences of the pairs"""

    def __call__(self, z: Tensor) -> Tensor:
        return z @ self.weight + self.bias

    def back(self, z: Tensor) -> Tensor:
        """``z`` moved back towards the plain view."""
        return z - FURTHER * self(z)[:, None] * self.shift

    def without(self, z: Tensor) -> Tensor:
        """``z`` without the parts along ``directions``."""
        return z - (z @ self.directions.T) @ self.directions


def fit(plain: Tensor, small: Tensor, directions: int = 4) -> Degree:
    """From scaled features of the same photographs, [N, 1280] each."""
    x = torch.cat([plain, small])
    centre = x.mean(0)
    y = torch.cat([torch.full((len(plain),), -0.5), torch.full((len(small),), 0.5)])
    square = (x - centre).T @ (x - centre) + RIDGE * torch.eye(x.shape[1])
    weight = torch.linalg.solve(square, (x - centre).T @ y)
    main = torch.linalg.eigh((small - plain).T @ (small - plain))[1][:, -directions:].T
    return Degree(weight, float(0.5 - centre @ weight), small.mean(0) - plain.mean(0), main)


def pairs(a: Ablation, work: Work, log) -> tuple[Tensor, Tensor]:
    """Scaled features of the photographs of ``SETS``: as training sees them, and as thumbnails."""
    parts = [p for p in plan.training(a.sets, a.apart, towers.SIZE, work.features) if p.name in SETS]
    tasks = [replace(t, out=t.out.with_name(t.out.name.replace(".random.", ".thumbnail.")), view="thumbnail") for p in parts for t in p.tasks]
    cache.compute_all(tasks, work.graph, work.workers, log)
    plain = torch.cat([a.data.z[np.flatnonzero(a.data.origin == p.name)] for p in parts])
    return plain, a.data.scale.z(cache.read(tasks))


@dataclass
class Sides:
    """The trained heads, and the features of the draw's names."""

    head: ImageHead
    coordinates: Coordinates
    yes: np.ndarray
    no: np.ndarray


def sides(a: Ablation, kept: dict) -> Sides:
    """``kept``: the content of ``heads.pt``."""
    head, coordinates, no = ImageHead().eval(), Coordinates().eval(), NoHead().eval()
    for module, name in ((head, "head"), (coordinates, "coordinates"), (no, "no")):
        module.load_state_dict(kept[name])
    with torch.no_grad():
        # one more number: 1 of every no feature, 0 of the yes features, times what an image adds to all no logits
        yes, n = towers.yes_feature(a.text).numpy(), no(a.text).numpy()
    return Sides(head, coordinates, np.pad(yes, ((0, 0), (0, 1))), np.pad(n, ((0, 0), (0, 1)), constant_values=1))


@torch.no_grad()
def measured(a: Ablation, trained: Sides, pooled: np.ndarray, correct: Inputs, added: Inputs) -> dict:
    """Figures of tenants of ten classes. ``correct``: z -> z; ``added``: z -> what is added to the no logits, [N]."""
    scale = a.data.scale
    raw = scale.z(pooled)
    z = correct(raw)
    v = encode(trained.head, z, scale.conse((z * scale.deviation + scale.mean).numpy()))
    image = np.c_[towers.image_feature(v, trained.coordinates(z, v)).numpy(), added(raw).numpy() / SCALE]
    results, top1 = [], []
    for kept, inside in a.tenants():
        s_in, s_out = (scores(image[rows], trained.yes[kept], trained.no[kept], SCALE) for rows in (inside, ~inside))
        results.append(compare(s_in, s_out))
        top1.append(float((kept[s_in["index"]] == a.label[inside]).mean()))
    return {"top1": float(np.mean(top1)), **mean(results)}


def run(a: Ablation, work: Work, log=print) -> dict[str, dict[str, dict]]:
    """Figures by variant and treatment of the photographs of the draw for choices."""
    trained = sides(a, train(work, log=log))
    degree = fit(*pairs(a, work, log))
    views = {}
    for view in cache.TREATMENTS:
        tasks = [t for p in plan.held_out(a.sets, a.apart, "choice", towers.SIZE, work.features, view) for t in p.tasks]
        cache.compute_all(tasks, work.graph, work.workers, log)
        views[view] = cache.read(tasks)

    def same(z: Tensor) -> Tensor:
        return z

    def nothing(z: Tensor) -> Tensor:
        return torch.zeros(len(z))

    def limit(z: Tensor) -> Tensor:
        return LIMIT * degree(z)

    variants = {
        "as it is": (same, nothing),
        "four directions of the pairs' differences left out": (degree.without, nothing),
        "limits moved": (same, limit),
        "features moved back": (degree.back, nothing),
        "features moved back, limits moved": (degree.back, limit),
    }
    return {name: {view: measured(a, trained, pooled, *two) for view, pooled in views.items()} for name, two in variants.items()}


def _moves(result: dict[str, dict], rule: str, views: list[str]) -> str:
    """The largest moves of kept and caught, in points, over ``views``."""
    by = {share: [100 * (result[v]["decisions"][rule][share] - result[PLAIN]["decisions"][rule][share]) for v in views] for share in SHARES}
    return " / ".join(f"{max(moves, key=abs):+.1f}" for moves in by.values())


def report(results: dict[str, dict[str, dict]]) -> str:
    """Markdown: photographs as they are, the moves of both shares at 64 px JPEG, and the largest moves over the other treatments."""
    lines = [
        "| | top-1, then 64 px JPEG | AUROC CTW | ATD | CTW kept / caught | 64 px JPEG | others | ATD kept / caught | 64 px JPEG | others |",
        "|" + "---|" * 10,
    ]
    for name, result in results.items():
        plain, others = result[PLAIN], [v for v in result if v not in (PLAIN, WORST)]
        cells = [f"{100 * plain['top1']:.1f}, {100 * result[WORST]['top1']:.1f}" if WORST in result else f"{100 * plain['top1']:.1f}"]
        cells += [f"{100 * plain['scores'][s]['auroc']:.1f}" for s in ("ctw", "atd")]
        for rule in ("ctw", "atd"):
            cells.append(" / ".join(f"{100 * plain['decisions'][rule][share]:.1f}" for share in SHARES))
            cells += [_moves(result, rule, views) if views and set(views) <= set(result) else "" for views in ([WORST], others)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
