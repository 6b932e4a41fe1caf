"""CLIPN's verdict in plain float64, for comparisons with other implementations. Formulas: arXiv 2308.12213, section 3."""

from __future__ import annotations

import numpy as np
import torch

from . import tokenizer as bpe


def class_features(encoder, tok, names: list[str], templates: list[str], context_length: int) -> np.ndarray:
    """Per template encode and normalise, sum, normalise: unit float64 [C, D]."""
    total = 0
    for template in templates:
        with torch.no_grad():
            rows = [encoder(bpe.encode(tok, [template.replace("{}", n) for n in names[i : i + 256]], context_length)) for i in range(0, len(names), 256)]
        f = torch.cat(rows).double().numpy()
        total = total + f / np.linalg.norm(f, axis=-1, keepdims=True)
    return total / np.linalg.norm(total, axis=-1, keepdims=True)


def verdict(cos_yes: np.ndarray, cos_no: np.ndarray, scale: float) -> dict:
    """float64 [C] cosines with the yes and no features -> probabilities, decisions (True is OOD) and scores."""
    logits = scale * np.asarray(cos_yes, np.float64)
    p = np.exp(logits - logits.max())
    p /= p.sum()
    x = scale * (np.asarray(cos_no, np.float64) - np.asarray(cos_yes, np.float64))
    p_no = np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    p_yes = np.where(x <= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))
    p_id = float((p_yes * p).sum())
    p_ood = float((p_no * p).sum())  # 1 - sum (1 - p_no) p, in a form without cancellation
    best = int(p.argmax())
    mcm = np.exp(cos_yes - np.max(cos_yes))
    return {
        "p": p.tolist(),
        "p_no": p_no.tolist(),
        "p_ood": p_ood,
        "index": best,
        "ood": {"ctw": bool(p_no[best] > 0.5), "atd": bool(p_ood > p[best]), "atd_rescaled": bool(p_ood > (p_yes * p).max())},
        "scores": {
            "ctw": float(p_yes[best]),
            "atd": p_id,
            "msp": float(p[best]),
            "max_logit": float(logits.max()),
            "energy": float(logits.max() + np.log(np.exp(logits - logits.max()).sum())),
            "mcm": float(1 / mcm.sum()),
        },
    }
