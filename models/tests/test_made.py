from __future__ import annotations

import numpy as np

from clipn_models.made import made

PHOTOGRAPHS = np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3)).astype(np.uint8)


def test_the_same_seed_makes_the_same_pictures() -> None:
    a, b, c = (made(8, 64, PHOTOGRAPHS, seed) for seed in (1, 1, 2))
    assert a.shape == (8, 64, 64, 3)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_every_kind_comes_in_turn_and_no_two_are_alike() -> None:
    pictures = made(80, 64, PHOTOGRAPHS, 0)
    assert len({p.tobytes() for p in pictures}) == 80
    colours = np.array([len(np.unique(p.reshape(-1, 3), axis=0)) for p in pictures])
    strokes, rest = colours[::4], colours.reshape(20, 4)[:, 1:]
    assert np.median(strokes) < np.median(rest), "a pen and its ground have few colours"
    assert (pictures.reshape(80, -1).std(1) > 0).mean() > 0.9
