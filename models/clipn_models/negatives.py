"""Scores against negative labels in plain NumPy, float64: a reading of the papers of its own, with which the service is compared.

NegLabel (ICLR 2024, arXiv 2403.20078), CSP (NeurIPS 2024, arXiv 2410.08611), LogitGap (NeurIPS 2025, arXiv 2510.20134), GL-MCM (IJCV 2025,
arXiv 2304.04521). Nothing here is shared with ``evaluate``; scores are higher for images of the classes.
"""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def neg_label(cos: np.ndarray, negative: np.ndarray, scale: float, groups: int, even: bool = False) -> np.ndarray:
    """[N, C] cosines with the classes and [N, M] with the labels -> [N]. One softmax per group of labels, label i in group i modulo groups.

    ``even``: the labels of a group have the prior of the classes together, which is a shift of their logits.
    """
    groups = min(groups, negative.shape[1])
    size = negative.shape[1] // groups
    shift = np.log(cos.shape[1] / size) / scale if even else 0
    dealt = (negative + shift)[:, : size * groups].reshape(len(negative), size, groups)
    shares = [softmax(scale * np.concatenate([cos, dealt[:, :, g]], 1))[:, : cos.shape[1]].sum(1) for g in range(groups)]
    return np.mean(shares, 0)


def combined(ctw: np.ndarray, even: np.ndarray) -> np.ndarray:
    """CTW's score 1 - p^no of the likeliest class, and the share against negative labels with even priors, both [N] -> [N]."""
    return ctw * even


def logit_gap(cos: np.ndarray, scale: float, top: int | None = None) -> np.ndarray:
    """[N, C] -> [N]: the largest logit less the mean of the ``top`` next ones (all, without it)."""
    logits = np.sort(scale * cos, -1)[:, ::-1]
    return logits[:, 0] if logits.shape[1] == 1 else logits[:, 0] - logits[:, 1 : None if top is None else 1 + top].mean(1)


def gl_mcm(cos: np.ndarray, patches: np.ndarray, weight: float = 0.5) -> np.ndarray:
    """[N, C] and [N, P, C] -> [N]."""
    return softmax(cos).max(-1) + weight * softmax(patches).max((-2, -1))


def closeness(words: np.ndarray, classes: np.ndarray, quantile: float = 0.95, limit: float | None = None) -> np.ndarray:
    """Unit [W, D] and [C, D] -> [W]: the quantile of a word's cosines with the classes, 1 where one of them is above ``limit``."""
    cos = words @ classes.T
    out = np.quantile(cos, quantile, axis=-1)
    return out if limit is None else np.where(cos.max(-1) > limit, 1, out)


def mine(close: np.ndarray, parts: list[tuple[int, int]], labels: int, excluded: frozenset[int] = frozenset()) -> np.ndarray:
    """Indices of the words farthest from the classes: the same share of every part [from, to), farthest first."""
    free = [np.array([i for i in range(a, b) if i not in excluded], int) for a, b in parts]
    sizes = np.array([len(f) for f in free])
    exact = sizes * min(1.0, labels / sizes.sum())
    counts = np.floor(exact + 1e-9).astype(int)
    for i in np.argsort(-(exact - counts), kind="stable")[: min(labels, sizes.sum()) - counts.sum()]:
        counts[i] += 1
    return np.concatenate([f[np.argsort(close[f], kind="stable")][:n] for f, n in zip(free, counts, strict=True)])
