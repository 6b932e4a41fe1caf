"""Standard errors of the shares that tenants keep and catch."""

from __future__ import annotations

import numpy as np

from clipn_models.default.measure import drawn
from clipn_models.default.spread import SHARES, Decided, moved, standard_error

CLASSES, PHOTOGRAPHS, TENANTS = 60, 4, 20


def tenants(rng: np.random.Generator) -> tuple[Decided, np.ndarray]:
    """Decisions on classes whose difficulty is drawn, the same in all tenants; and each tenant's share kept."""
    easy = rng.beta(2, 1, CLASSES)
    seen = (rng.random((CLASSES, PHOTOGRAPHS)) < easy[:, None]).sum(1)
    mine = np.stack([np.isin(np.arange(CLASSES), drawn(np.arange(CLASSES), 10, seed)) for seed in range(TENANTS)])
    made = Decided(np.tile(seen, (TENANTS, 1)), np.full(CLASSES, PHOTOGRAPHS), mine)
    return made, (made.right * mine).sum(1) / (PHOTOGRAPHS * mine.sum(1))


def test_the_standard_error_of_a_mean_over_classes_is_the_usual_one() -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 11, (1, 30))
    share, without = Decided(right, np.full(30, 10), np.ones((1, 30), bool)).share("id_accepted")
    assert np.isclose(share, right.mean() / 10)
    assert np.isclose(standard_error(without), np.std(right / 10, ddof=1) / np.sqrt(30))


def test_standard_errors_are_the_spread_over_other_classes_where_that_over_tenants_is_smaller() -> None:
    samples = [tenants(np.random.default_rng(seed)) for seed in range(300)]
    for name in SHARES:
        found = [decided.share(name) for decided, _ in samples]
        truth = np.std([share for share, _ in found])
        assert 0.85 < np.mean([standard_error(without) for _, without in found]) / truth < 1.15
    spread = np.mean([np.std(kept, ddof=1) / np.sqrt(TENANTS) for _, kept in samples])
    assert spread < 0.8 * np.std([kept.mean() for _, kept in samples])


def test_a_move_is_that_of_the_same_photographs() -> None:
    plain, _ = tenants(np.random.default_rng(1))
    assert moved(plain, plain) == {name: {"by": 0.0, "standard_error": 0.0} for name in SHARES}
    one_class = np.zeros_like(plain.right)
    one_class[:, np.flatnonzero(plain.right[0])[0]] = 1
    for name, move in moved(plain, Decided(plain.right - one_class, plain.images, plain.mine)).items():
        assert move["by"] < 0, name
        # the whole move is that of one class, so it is as large as its error
        assert 0.8 < move["standard_error"] / -move["by"] < 1.3, name
