"""How a bundle behaves where tenants are small or their names were never learned: what the large splits don't show."""

from __future__ import annotations

import re

import numpy as np
from sklearn.metrics import roc_auc_score

RULES = ("ctw", "atd", "atd_rescaled")

UNSEEN = (
    "stethoscope", "harmonica", "zebra crossing", "armadillo", "theodolite", "croissant", "quokka", "bagpipes", "abacus", "periscope",
    "samovar", "xylophone", "didgeridoo", "astrolabe", "gondola", "tumbleweed", "oscilloscope", "hovercraft", "axolotl", "trebuchet",
)  # fmt: skip
"""Names of things that the default's training data neither shows nor mentions; those that a vocabulary has are left out."""


def unseen_names(vocabulary: list[str] | None) -> list[str]:
    """Those of UNSEEN that have a word outside the vocabulary. All of them where a bundle has no such limit."""
    known = set(vocabulary or ())
    return [n for n in UNSEEN if not set(re.findall(r"[^\W_]+", n)) <= known]


def small_tenants(scores, image: np.ndarray, labels: np.ndarray, yes: np.ndarray, no: np.ndarray, scale: float, size: int, draws: int = 200) -> dict:
    """Tenants of ``size`` classes drawn at random: photographs of their classes against photographs of all others.

    ``scores`` is ``evaluate.scores``; image float64 [N, D], yes and no float64 [C, D]. Means over ``draws`` tenants (each
    class once where size is 1): accuracy, what each rule keeps and rejects, AUROC of the two scores of CLIPN.
    """
    rng = np.random.default_rng(size)
    picks = [np.array([c]) for c in range(len(yes))] if size == 1 else [np.sort(rng.permutation(len(yes))[:size]) for _ in range(draws)]
    rows = []
    for kept in picks:
        inside = np.flatnonzero(np.isin(labels, kept))
        outside = rng.choice(np.flatnonzero(~np.isin(labels, kept)), 1000, replace=False)
        s_in, s_out = (scores(image[part], yes[kept], no[kept], scale) for part in (inside, outside))
        truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
        rows.append(
            [
                (kept[s_in["index"]] == labels[inside]).mean(),
                *(roc_auc_score(truth, np.r_[s_in[s], s_out[s]]) for s in ("ctw", "atd")),
                *(1 - s_in[f"reject_{r}"].mean() for r in RULES),
                *(s_out[f"reject_{r}"].mean() for r in RULES),
            ]
        )
    top1, ctw, atd, *rest = (round(float(v), 4) for v in np.mean(rows, axis=0))
    decisions = {r: {"id_accepted": rest[i], "ood_rejected": rest[i + len(RULES)]} for i, r in enumerate(RULES)}
    return {"tenants": len(picks), "top1": top1, "auroc": {"ctw": ctw, "atd": atd}, "decisions": decisions}


def unseen(scores, image: np.ndarray, yes: np.ndarray, no: np.ndarray, scale: float) -> dict:
    """A tenant whose names the model never learned, asked about photographs of other things: all should be rejected."""
    s = scores(image, yes, no, scale)
    return {"classes": len(yes), "ood_rejected": {r: round(float(s[f"reject_{r}"].mean()), 4) for r in RULES}}
