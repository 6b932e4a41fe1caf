"""Quality of features for gating, on tenants drawn from the available classes: the figures that training reports."""

from __future__ import annotations

import numpy as np

from .evaluate import auroc, scores

SCALE = 100.0
TENANTS = 20


def tenant_figures(image: np.ndarray, label: np.ndarray, yes: np.ndarray, no: np.ndarray, mine: np.ndarray) -> dict[str, float]:
    """A tenant of the classes ``mine`` (indices); all other images are out of distribution. Empty if there are no images of one kind.

    image unit [N, D], label [N] (class of each), yes and no unit [C, D]. ``top1``: right class among the tenant's images; ``auroc``: of
    CTW's and ATD's score, the better one; ``kept`` and ``caught``: shares of in-distribution and other images that CTW decides rightly.
    """
    inside = np.isin(label, mine)
    if not inside.any() or inside.all():
        return {}
    s = scores(image, yes[mine], no[mine], SCALE)
    return {
        "top1": float((mine[s["index"]] == label)[inside].mean()),
        "auroc": max(auroc(s[name][inside], s[name][~inside]) for name in ("ctw", "atd")),
        "kept": float(1 - s["reject_ctw"][inside].mean()),
        "caught": float(s["reject_ctw"][~inside].mean()),
    }


def gate_figures(image: np.ndarray, label: np.ndarray, yes: np.ndarray, no: np.ndarray, seed: int = 0, tenants: int = TENANTS) -> dict[str, float]:
    """Means of ``tenant_figures`` over seeded tenants of half of the classes each; empty if there is only one class."""
    rng, count = np.random.default_rng(seed), len(yes)
    rows = [tenant_figures(image, label, yes, no, np.sort(rng.permutation(count)[: max(1, count // 2)])) for _ in range(tenants)]
    rows = [r for r in rows if r]
    return {k: float(np.mean([r[k] for r in rows])) for k in rows[0]} if rows else {}


def in_words(figures: dict[str, float]) -> str:
    if not figures:
        return "no figures: too few classes"
    percent = {k: f"{100 * v:.1f}" for k, v in figures.items()}
    return f"top-1 {percent['top1']} %, AUROC {percent['auroc']}, kept {percent['kept']} %, caught {percent['caught']} %"
