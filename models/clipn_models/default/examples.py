"""Class features from names and example photographs: the directions that a bundle needs for them, and the figures of the service's formula.

The formula is that of ``src/tenants/examples/mix.ts`` in the service, which names its sources. Its constants were chosen on the draw
``choice``, and the directions are computed from photographs of that draw; the figures are of the draw ``test``.
"""

from __future__ import annotations

import base64

import numpy as np

from ..evaluate import auroc, scores
from .measure import Held, Measure

DIRECTIONS = 16
LESSENED = 112
SHRINKAGE = 0.3
MOST_WEIGHT = 0.55
LOWERED = 0.08
COUNTS = (0, 1, 5, 20)
TENANTS = 40
SIZE = 10


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def directions(image: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Orthogonal float32 [128, D]: 16 unit rows, that of the mean and those in which features [N, D] differ most beside it; then 112 shorter rows.

    ``m - V' V m`` removes the parts of m along the unit rows, and lessens those along the others: a row of length sqrt(1 - s) leaves the share s. The
    112 are the directions in which photographs of one class differ most. Their shares whiten by the covariance within classes, shrunk towards
    a multiple of the identity (WCCN: Hatch, Kajarekar and Stolcke 2006; shrinkage: Ledoit and Wolf 2004), relative to the directions that follow.
    """
    mean = image.mean(0)
    first = unit(mean)
    rest = image - mean
    rest = rest - (rest @ first)[:, None] * first
    whole = np.vstack([first, np.linalg.svd(rest, full_matrices=False)[2][: DIRECTIONS - 1]])
    within = np.concatenate([image[label == c] - image[label == c].mean(0) for c in np.unique(label)])
    within = within - (within @ whole.T) @ whole
    width = image.shape[1] - DIRECTIONS
    variance, rows = np.linalg.eigh(within.T @ within / len(within))
    variance, rows = variance[::-1][:width], rows.T[::-1][:width]
    shrunk = (1 - SHRINKAGE) * variance + SHRINKAGE * variance.sum() / width
    share = shrunk[:LESSENED] ** -0.5 / (shrunk[LESSENED:] ** -0.5).mean()
    return np.vstack([whole, np.sqrt(1 - np.minimum(share, 1))[:, None] * rows[:LESSENED]]).astype(np.float32)


def encoded(rows: np.ndarray) -> str:
    """The form of ``image_directions`` in the manifest."""
    return base64.b64encode(rows.astype("<f4").tobytes()).decode()


def mixed(text: np.ndarray, mean: np.ndarray, examples: int, basis: np.ndarray) -> np.ndarray:
    """Unit [C, D] of text features and mean examples [C, D], each of so many ``examples``."""
    prototype = unit(mean - (mean @ basis.T) @ basis)
    return unit(text + MOST_WEIGHT * examples / (examples + 1) * (prototype - LOWERED * basis[0]))


def split(held: Held, most: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Rows of each class from which examples are drawn, ``most`` of each, and the rows of all other photographs."""
    rng = np.random.default_rng(0)
    order = [rng.permutation(np.flatnonzero(held.label == c)) for c in range(len(held.names))]
    return [rows[:most] for rows in order], np.concatenate([rows[most:] for rows in order])


def figures(held: Held, basis: np.ndarray, scale: float, counts: tuple[int, ...] = COUNTS) -> dict[int, dict[str, float]]:
    """By number of examples: means over seeded tenants, on photographs that are never examples."""
    pool, rest = split(held, max(counts))
    table = {}
    for count in counts:
        rows = []
        for seed in range(TENANTS):
            kept = np.sort(np.random.default_rng([9, seed]).permutation(len(held.names))[:SIZE])
            yes = held.yes[kept]
            if count:
                drawn = np.random.default_rng([seed, 1])
                mean = np.stack([held.image[drawn.permutation(pool[c])[:count]].mean(0) for c in kept])
                yes = mixed(yes, mean, count, basis)
            inside = np.isin(held.label[rest], kept)
            own, other = (scores(held.image[r], yes, held.no[kept], scale) for r in (rest[inside], rest[~inside]))
            row = {"top1": float((kept[own["index"]] == held.label[rest[inside]]).mean())}
            for rule in ("ctw", "atd"):
                row[f"auroc_{rule}"] = auroc(own[rule], other[rule])
                row[f"balanced_{rule}"] = float((1 - own[f"reject_{rule}"].mean() + other[f"reject_{rule}"].mean()) / 2)
            rows.append(row)
        table[count] = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
    return table


def measured_directions(measure: Measure) -> np.ndarray:
    held = measure.held("choice")
    return directions(held.image, held.label)


def report(table: dict[int, dict[str, float]]) -> str:
    """The figures as a Markdown table."""
    lines = ["| examples of each class | top-1 | AUROC CTW | AUROC ATD | balanced accuracy CTW | balanced accuracy ATD |", "|---|---|---|---|---|---|"]
    for count, row in table.items():
        cells = (row[key] for key in ("top1", "auroc_ctw", "auroc_atd", "balanced_ctw", "balanced_atd"))
        lines.append(f"| {count} | " + " | ".join(f"{100 * cell:.1f}" for cell in cells) + " |")
    return "\n".join(lines)
