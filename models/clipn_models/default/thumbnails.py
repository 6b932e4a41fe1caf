"""The rows of ``ablate-default --thumbnails``: corrections of the image side for photographs that arrive as thumbnails of 64 px in JPEG.

The shipped one is ``correction``: features moved back, limits moved. Beside it stand each of the two alone, and another correction that is
linear in the pooled features, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..evaluate import compare, mean, scores
from . import cache, plan, towers
from .correction import fit, views
from .make import Work, train
from .stage_two import SCALE, encode
from .towers import Coordinates, ImageHead, Limit, NoHead

if TYPE_CHECKING:
    from .ablation import Ablation

SHIPPED = "features moved back, limits moved"
SHARES = ("id_accepted", "ood_rejected")
PLAIN, WORST = "centre", "thumb64jpeg"

Inputs = Callable[[Tensor], Tensor]


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
        return Sides(head, coordinates, towers.yes_feature(a.text).numpy(), no(a.text).numpy())


def main_directions(plain: Tensor, small: Tensor, count: int = 4) -> Tensor:
    """Unit [count, 1280]: the largest principal directions of the differences of the pairs."""
    return torch.linalg.eigh((small - plain).T @ (small - plain))[1][:, -count:].T


def without(z: Tensor, directions: Tensor) -> Tensor:
    """``z`` without the parts along ``directions``."""
    return z - (z @ directions.T) @ directions


@torch.no_grad()
def measured(a: Ablation, trained: Sides, raw: Tensor, correct: Inputs, limit: Inputs, far: Tensor | None = None) -> dict:
    """Figures of tenants of ten classes on scaled features ``raw``, and on ``far``, those of strange pictures.

    ``correct``: z -> z; ``limit``: z -> d of ``towers.Limit``, [N, 1].
    """

    def feature(raw: Tensor) -> np.ndarray:
        scale, z = a.data.scale, correct(raw)
        v = encode(trained.head, z, scale.conse((z * scale.deviation + scale.mean).numpy()))
        return towers.image_feature(v, trained.coordinates(z, v), limit(raw)).numpy()

    image, other = feature(raw), None if far is None else feature(far)
    results, top1, caught = [], [], []
    for kept, inside in a.tenants():
        s_in, s_out = (scores(image[rows], trained.yes[kept], trained.no[kept], SCALE) for rows in (inside, ~inside))
        results.append(compare(s_in, s_out))
        top1.append(float((kept[s_in["index"]] == a.label[inside]).mean()))
        if other is not None:
            caught.append(float(scores(other, trained.yes[kept], trained.no[kept], SCALE)["reject_ctw"].mean()))
    return {"top1": float(np.mean(top1)), "no_side": True, "strange": float(np.mean(caught)) if caught else None, **mean(results)}


def same(z: Tensor) -> Tensor:
    return z


def nothing(z: Tensor) -> Tensor:
    return torch.zeros(len(z), 1)


def corrections(a: Ablation, work: Work, log=print) -> dict[str, tuple[Inputs, Inputs]]:
    """``correct`` and ``limit`` of each variant."""
    raw = views(plan.training(a.sets, a.apart, towers.SIZE, work.features), work.graph, work.workers, log)
    plain, small = ((pooled - a.data.scale.mean) / a.data.scale.deviation for pooled in raw)
    degree, directions = fit(plain, small), main_directions(plain, small)

    def limit(z: Tensor) -> Tensor:
        return torch.clamp(Limit.GAIN * degree(z)[:, None], -Limit.MOST, Limit.MOST)

    return {
        "as it is": (same, nothing),
        "four directions of the pairs' differences left out": (lambda z: without(z, directions), nothing),
        "limits moved": (same, limit),
        "features moved back": (degree.back, nothing),
        SHIPPED: (degree.back, limit),
    }


def shipped(a: Ablation, work: Work, log=print) -> dict:
    """Figures of the default, with its correction, on the photographs of the draw for choices as they are."""
    return measured(a, sides(a, train(work, log=log)), a.seen.z, *corrections(a, work, log)[SHIPPED], a.seen.far_z)


def run(a: Ablation, work: Work, log=print) -> dict[str, dict[str, dict]]:
    """Figures by variant and treatment of the photographs of the draw for choices."""
    trained = sides(a, train(work, log=log))
    treated = {}
    for view in cache.TREATMENTS:
        tasks = [t for p in plan.held_out(a.sets, a.apart, "choice", towers.SIZE, work.features, view) for t in p.tasks]
        cache.compute_all(tasks, work.graph, work.workers, log)
        treated[view] = a.data.scale.z(cache.read(tasks))
    variants = corrections(a, work, log)
    return {name: {view: measured(a, trained, z, *two) for view, z in treated.items()} for name, two in variants.items()}


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
