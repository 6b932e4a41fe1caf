"""Parts that both evaluations share: a bundle's outputs in ONNX Runtime, its scores and decisions, and their comparison.

FPR95 in both conventions: of CLIPN and MCM (share of OOD accepted at the threshold that accepts 95 % of ID) and of OpenOOD (share of
ID rejected at the threshold that rejects 95 % of OOD). The default's tables are in ``default/measure.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from . import tokenizer as bpe
from .bundle import graph_files, load_manifest
from .sessions import open_session

RULES = ("ctw", "atd", "atd_rescaled")
SCORES = ("ctw", "atd", "msp", "max_logit", "energy", "mcm")


class OnnxBundle:
    """A bundle in ONNX Runtime: the measured files are the shipped files."""

    def __init__(self, path: Path, precision: str | None = None):
        self.manifest = load_manifest(path)
        files = graph_files(self.manifest, precision or self.manifest["precision"])
        self.session = {part: open_session(path / file) for part, file in files.items()}
        self.tokenizer = bpe.load(path / "tokenizer.json")

    def images(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3], S the size of the manifest -> float64 [N, D]."""
        parts = [np.ascontiguousarray(pixels[at : at + 250]) for at in range(0, len(pixels), 250)]
        return np.concatenate([self.session["image"].run(None, {"pixels": part})[0] for part in parts]).astype(np.float64)

    def classes(self, names: list[str], tower: str) -> np.ndarray:
        """Unit float64 [C, D] in the default templates."""
        templates = self.manifest["templates"]
        return self.texts(names, tower, (templates["no"] or templates["yes"]) if tower == "no" else templates["yes"])

    def texts(self, names: list[str], tower: str, templates: list[str]) -> np.ndarray:
        """Unit float64 [C, D] in some templates."""
        total = 0
        for template in templates:
            tokens = bpe.encode(self.tokenizer, [template.replace("{}", n) for n in names], self.manifest["text"]["context_length"])
            f = self.session[f"text-{tower}"].run(None, {"tokens": tokens.numpy()})[0].astype(np.float64)
            total = total + f / np.linalg.norm(f, axis=-1, keepdims=True)
        return total / np.linalg.norm(total, axis=-1, keepdims=True)


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
