from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from clipn_models.evaluate import compare, fpr95, fpr95_id_rejected, scores
from clipn_models.verdicts import verdict

getcontext().prec = 60
cosines = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=8)


@given(cosines)
@settings(max_examples=100, deadline=None)
def test_verdict_against_sixty_digits(pairs: list[tuple[float, float]]) -> None:
    yes, no = (np.array(column) for column in zip(*pairs, strict=True))
    got = verdict(yes, no, 100.0)
    e = [(100 * Decimal(float(v))).exp() for v in yes]
    p = [v / sum(e) for v in e]
    p_no = [1 / (1 + (100 * (Decimal(float(a)) - Decimal(float(b)))).exp()) for a, b in zip(yes, no, strict=True)]
    p_ood = 1 - sum((1 - b) * a for a, b in zip(p, p_no, strict=True))
    assert np.allclose(got["p"], [float(v) for v in p], atol=1e-12)
    assert np.allclose(got["p_no"], [float(v) for v in p_no], atol=1e-12)
    assert got["p_ood"] == pytest.approx(float(p_ood), abs=1e-12)
    assert got["ood"]["atd_rescaled"] or not got["ood"]["atd"]


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_scores_of_many_are_those_of_each(n: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image, yes, no = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (rng.normal(size=(k, 16)) for k in (n, c, c)))
    many = scores(image, yes, no, 100.0)
    for i in range(n):
        one = verdict(yes @ image[i], no @ image[i], 100.0)
        for key, value in one["scores"].items():
            assert many[key][i] == pytest.approx(value, abs=1e-9)
        for rule, ood in one["ood"].items():
            assert many[f"reject_{rule}"][i] == ood


def test_fpr95_in_both_conventions() -> None:
    inside = {"x": np.arange(100) / 100.0}
    assert fpr95(inside["x"], inside["x"] - 2) == 0
    assert fpr95(inside["x"], inside["x"] + 2) == 1
    # 95 % of the inside is above 0.05; half of the outside is
    outside = np.r_[np.full(50, 0.0), np.full(50, 0.5)]
    assert fpr95(inside["x"], outside) == pytest.approx(0.5, abs=0.02)
    # rejecting 95 % of the outside takes a threshold of 0.5; 51 of the inside are at or below it
    assert fpr95_id_rejected(inside["x"], outside) == pytest.approx(0.51)
    # nineteen of twenty are enough, and the scores between them and the last one count
    assert fpr95_id_rejected(np.array([2.0, 3.0]), np.r_[np.zeros(19), 9.0]) == 0


def test_auroc_is_above_one_half_where_id_scores_are_higher() -> None:
    rng = np.random.default_rng(0)
    good, bad = rng.normal(1, 1, 500), rng.normal(0, 1, 500)
    make = {s: good for s in ("ctw", "atd", "msp", "max_logit", "energy", "mcm")} | {f"reject_{r}": good < 0.5 for r in ("ctw", "atd", "atd_rescaled")}
    other = {k: bad for k in make} | {f"reject_{r}": bad < 0.5 for r in ("ctw", "atd", "atd_rescaled")}
    result = compare(make, other)
    want = roc_auc_score(np.r_[np.ones(500), np.zeros(500)], np.r_[good, bad])
    assert result["scores"]["ctw"]["auroc"] == pytest.approx(want)
    assert want > 0.7
    assert result["decisions"]["ctw"]["id_accepted"] == pytest.approx((good >= 0.5).mean())
