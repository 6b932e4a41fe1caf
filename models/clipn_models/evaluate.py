"""Parts that both evaluations share: scores and decisions of features, and their comparison. A bundle's features are in ``onnx_bundle.py``.

FPR95 in both conventions: of CLIPN and MCM (share of OOD accepted at the threshold that accepts 95 % of ID) and of OpenOOD (share of
ID rejected at the threshold that rejects 95 % of OOD). The default's tables are in ``default/measure.py``.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

RULES = ("ctw", "atd", "atd_rescaled")
SCORES = ("ctw", "atd", "msp", "max_logit", "energy", "mcm")


def scores(image: np.ndarray, yes: np.ndarray, no: np.ndarray, scale: float) -> dict[str, np.ndarray]:
    """All scores (higher: in-distribution) and decisions (True: rejected) of image features [N, D]. Float64."""
    cos = image @ yes.T
    logits = scale * cos
    top = logits.max(-1, keepdims=True)
    e = np.exp(logits - top)
    p = e / e.sum(-1, keepdims=True)
    p_no = 1 / (1 + np.exp(-np.clip(scale * (image @ no.T - cos), -700, 700)))
    best = p.argmax(-1)
    rows = np.arange(len(p))
    p_ood = (p_no * p).sum(-1)
    mcm = np.exp(cos - cos.max(-1, keepdims=True))
    return {
        "ctw": 1 - p_no[rows, best],
        "atd": 1 - p_ood,
        "msp": p.max(-1),
        "max_logit": top[:, 0],
        "energy": top[:, 0] + np.log(e.sum(-1)),
        "mcm": 1 / mcm.sum(-1),
        "index": best,
        "reject_ctw": p_no[rows, best] > 0.5,
        "reject_atd": p_ood > p.max(-1),
        "reject_atd_rescaled": p_ood > ((1 - p_no) * p).max(-1),
    }


def fpr95(positive: np.ndarray, negative: np.ndarray) -> float:
    """Share of ``negative`` at or above the score that 95 % of ``positive`` reach, the ROC interpolated linearly."""
    labels = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    fpr, tpr, _ = roc_curve(labels, np.r_[positive, negative])
    return float(np.interp(0.95, tpr, fpr))


def fpr95_id_rejected(inside: np.ndarray, outside: np.ndarray) -> float:
    """Share of ``inside`` rejected at the first threshold that rejects 95 % of ``outside``: OpenOOD's and pytorch-ood's FPR95, nothing interpolated."""
    labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    # the whole curve, because the first point past the level must not depend on which collinear points were dropped
    rejected, caught, _ = roc_curve(labels, -np.r_[inside, outside], drop_intermediate=False)
    return float(rejected[np.argmax(caught >= 0.95)])


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Share of pairs in which the in-distribution photograph has the higher score."""
    return float(roc_auc_score(np.r_[np.ones(len(inside)), np.zeros(len(outside))], np.r_[inside, outside]))


def compare(inside: dict[str, np.ndarray], outside: dict[str, np.ndarray]) -> dict:
    """AUROC and FPR95 of every score, and the decisions of the rules without any threshold."""
    out = {
        s: {
            "auroc": auroc(inside[s], outside[s]),
            "fpr95_ood_accepted": fpr95(inside[s], outside[s]),
            "fpr95_id_rejected": fpr95_id_rejected(inside[s], outside[s]),
        }
        for s in SCORES
    }
    rules = {rule: {"id_accepted": float(1 - inside[f"reject_{rule}"].mean()), "ood_rejected": float(outside[f"reject_{rule}"].mean())} for rule in RULES}
    return {"scores": out, "decisions": rules}


def mean(results: list) -> dict:
    first = results[0]
    return {k: mean([r[k] for r in results]) for k in first} if isinstance(first, dict) else round(float(np.mean(results)), 4)
