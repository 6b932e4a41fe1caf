"""Writes test/fixtures/negatives.json: random features and what the NumPy reading gives for them. PYTHONPATH=. python tests/make_negatives_golden.py"""

import json
import sys
from pathlib import Path

import numpy as np

from clipn_models import negatives

OUT = Path(__file__).parents[2] / "test/fixtures/negatives.json"


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.standard_normal(shape)
    # six decimals, so that the file is small; both sides read the same numbers
    return np.round(rows / np.linalg.norm(rows, axis=-1, keepdims=True), 6)


def case(seed: int, classes: int, words: int, width: int, groups: int, labels: int, quantile: float, scale: float) -> dict:
    rng = np.random.default_rng(seed)
    yes, rows, image, patches = unit(rng, classes, width), unit(rng, words, width), unit(rng, 1, width), unit(rng, 1, 3, width)
    limit, parts = 0.6, [(0, words // 2), (words // 2, words)]
    excluded = frozenset(int(i) for i in rng.permutation(words)[: words // 10])
    close = negatives.closeness(rows, yes, quantile)
    chosen = negatives.mine(close, parts, labels, excluded)
    cos = image @ yes.T
    return {
        "input": {
            **{"yes": yes.tolist(), "words": rows.tolist(), "image": image[0].tolist(), "patches": patches[0].tolist(), "parts": parts, "limit": limit},
            **{"excluded": sorted(excluded), "labels": labels, "quantile": quantile, "groups": groups, "scale": scale, "top": max(1, classes // 2)},
        },
        "output": {
            "closeness": close.tolist(),
            "limited": negatives.closeness(rows, yes, quantile, limit).tolist(),
            "chosen": chosen.tolist(),
            "neglabel": float(negatives.neg_label(cos, image @ rows[chosen].T, scale, groups)[0]),
            "even": float(negatives.neg_label(cos, image @ rows[chosen].T, scale, groups, even=True)[0]),
            "logit_gap": float(negatives.logit_gap(cos, scale)[0]),
            "logit_gap_top": float(negatives.logit_gap(cos, scale, max(1, classes // 2))[0]),
            "gl_mcm": float(negatives.gl_mcm(cos, patches @ yes.T)[0]),
        },
    }


def cases(first: int) -> list[dict]:
    return [
        case(first, 1, 12, 4, 3, 7, 0.95, 100),
        case(first + 1, 5, 40, 8, 6, 20, 0.95, 100),
        case(first + 2, 10, 60, 8, 100, 30, 0.5, 10),
        case(first + 3, 3, 30, 6, 1, 1000, 1.0, 1),
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(cases(int(sys.argv[1]))))
    else:
        OUT.write_text(json.dumps(cases(0), separators=(",", ":")) + "\n")
