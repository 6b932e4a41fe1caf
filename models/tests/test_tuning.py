"""Fine-tuning of the image tower's last blocks, on synthetic data."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from test_default_model import data

from clipn_models.default import backbone, tail, towers, tuning
from clipn_models.default.features import Data


@pytest.fixture(scope="module")
def lite() -> torch.nn.Module:
    torch.manual_seed(2)
    return timm.create_model("tf_efficientnet_lite0", pretrained=False).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def frozen(lite: torch.nn.Module) -> tail.Tail:
    return tail.Tail(copy.deepcopy(lite))


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> tail.Activations:
    folder, rng = tmp_path_factory.mktemp("front"), np.random.default_rng(0)
    for part, count in enumerate((10, 14)):
        np.save(folder / f"{part}.npy", rng.normal(size=(count, 112, 14, 14)).astype(np.float16))
    return tail.Activations([folder / "0.npy", folder / "1.npy"])


def test_front_and_tail_together_compute_the_tower(lite: torch.nn.Module, frozen: tail.Tail) -> None:
    x = torch.randn(2, 3, towers.SIZE, towers.SIZE)
    whole = backbone.Pooled(lite)(x)
    assert (frozen(tail.Front(lite)(x)) - whole).abs().max() < 1e-4 * whole.abs().max()


def test_rows_are_read_across_files(front: tail.Activations) -> None:
    rows = np.array([23, 0, 9, 10])
    assert len(front) == 24
    assert torch.equal(front[rows][0], torch.tensor(front.files[1][13]).float())
    assert torch.equal(front[rows][3], torch.tensor(front.files[1][0]).float())


def test_averages_end_at_both_weights() -> None:
    one, two = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    for share, same in ((0.0, one), (1.0, two)):
        assert all(torch.allclose(v, same.state_dict()[k]) for k, v in tail.between(one, two, share).items())
    assert torch.allclose(tail.between(one, two, 0.5)["weight"], (one.weight + two.weight) / 2)


@pytest.fixture(scope="module")
def tied(frozen: tail.Tail, front: tail.Activations) -> Data:
    """Data of 24 photographs, the last four of a set that is left out, whose features are those of the frozen tail."""
    d = data(classes=6, each=4)
    pooled = frozen.pooled(front)
    d.scale.mean, d.scale.deviation = torch.from_numpy(pooled).float().mean(0), torch.from_numpy(pooled).float().std(0) + 0.05
    d.scale.names = torch.nn.functional.normalize(torch.randn(1000, 384), dim=-1)
    d.z, d.conse = d.scale.z(pooled), d.scale.conse(pooled)
    d.origin = np.array(["a"] * 20 + ["tiny-train"] * 4)
    return d


SMALL = tuning.TuningPreset(steps=4, batch=8, captioned=4)


def run(tied: Data, frozen: tail.Tail, front: tail.Activations, checkpoint: Path, preset: tuning.TuningPreset = SMALL) -> tuning.Tuning:
    one = tuning.Tuning(tied, preset, towers.ImageHead(), frozen, front)
    one.SAVE_EVERY = 2
    one.train(checkpoint, log=lambda _: None)
    return one


def test_the_tail_learns_from_the_sets_in_use_alone(tied: Data, frozen: tail.Tail, front: tail.Activations, tmp_path: Path) -> None:
    before = {k: v.clone() for k, v in frozen.state_dict().items()}
    tuned = run(tied, frozen, front, tmp_path / "a.pt")
    assert all(torch.equal(v, before[k]) for k, v in frozen.state_dict().items())
    assert not torch.equal(tuned.tail.conv_head.weight, frozen.conv_head.weight)
    assert set(tuned.rows[tuned.weight > 0]) <= set(range(20))
    assert set(tuned.captioned) <= set(range(20))


def test_an_interrupted_run_ends_with_the_same_weights(
    tied: Data, frozen: tail.Tail, front: tail.Activations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tied, frozen, front, tmp_path / "whole.pt")
    steps = tuning.Tuning.loss

    def stopped(self: tuning.Tuning) -> torch.Tensor:
        if (tmp_path / "half.pt").exists():
            raise KeyboardInterrupt
        return steps(self)

    monkeypatch.setattr(tuning.Tuning, "loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tied, frozen, front, tmp_path / "half.pt")
    monkeypatch.undo()
    again = run(tied, frozen, front, tmp_path / "half.pt")
    assert all(torch.equal(v, again.tail.state_dict()[k]) for k, v in whole.tail.state_dict().items())


def test_the_distance_is_zero_at_the_start(tied: Data, frozen: tail.Tail, front: tail.Activations) -> None:
    start = tuning.Tuning(tied, SMALL, towers.ImageHead(), frozen, front)
    start.loss()
    assert float(start.distance.detach()) < 1e-4
