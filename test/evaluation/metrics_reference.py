"""Figures by scikit-learn and scipy for lists of [ID scores, OOD scores] on standard input: JSON in, JSON out."""

import json
import sys

import numpy as np
from scipy.interpolate import interp1d
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve


def figures(inside: np.ndarray, outside: np.ndarray) -> dict[str, float]:
    label = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    score = np.r_[inside, outside]
    fpr, tpr, _ = roc_curve(label, score)  # as CLIPN's evaluation: cal_auc_fpr in its zero_shot_infer.py
    # as OpenOOD's auc_and_fpr_recall, on the whole curve: dropping collinear points would move the first one past the level
    rejected, caught, _ = roc_curve(1 - label, -score, drop_intermediate=False)
    return {
        "auroc": roc_auc_score(label, score),
        "fpr95_ood_accepted": float(interp1d(tpr, fpr)(0.95)),
        "fpr95_id_rejected": float(rejected[np.argmax(caught >= 0.95)]),
        "aupr_in": average_precision_score(label, score),
        "aupr_out": average_precision_score(1 - label, -score),
    }


print(json.dumps([figures(np.array(i, float), np.array(o, float)) for i, o in json.load(sys.stdin)]))
