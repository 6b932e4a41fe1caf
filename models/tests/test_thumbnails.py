"""The correction for thumbnails, on synthetic features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from clipn_models.default import correction, thumbnails, towers


def pairs(count: int = 4000, width: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of the same photographs: the thumbnails are moved by 3 along the first axis."""
    g = torch.Generator().manual_seed(0)
    plain = torch.randn(count, width, generator=g)
    return plain, plain + 3 * torch.eye(width)[0] + 0.1 * torch.randn(count, width, generator=g)


def whole(seed: int = 1) -> tuple[correction.Degree, torch.Tensor]:
    """A degree of 1,280 features as they are, and features to read; both with the sizes of real ones."""
    g = torch.Generator().manual_seed(seed)
    degree = correction.Degree(0.01 * torch.randn(1280, generator=g), 0.4, 0.1 * torch.randn(1280, generator=g))
    return degree, torch.rand(40, 1280, generator=g)


def test_the_estimate_separates_thumbnails_from_plain_views_and_moves_them_back() -> None:
    plain, small = pairs()
    degree = correction.fit(plain, small)
    assert float(degree(small).mean() - degree(plain).mean()) > 0.4
    before, after = (float((b.mean(0) - a.mean(0)).norm()) for a, b in ((plain, small), (degree.back(plain), degree.back(small))))
    assert after < 0.5 * before


def test_the_direction_of_the_differences_is_left_out() -> None:
    directions = thumbnails.main_directions(*pairs(), 1)
    assert directions.abs()[0, 0] > 0.99
    z = torch.randn(5, 12)
    assert float((thumbnails.without(z, directions) @ directions.T).abs().max()) < 1e-5


def test_the_estimate_of_scaled_features_reads_them_as_they_are() -> None:
    degree, raw = whole()
    mean, deviation = raw.mean(0), raw.std(0) + 0.05
    z = (raw - mean) / deviation
    same = degree.of_raw(mean, deviation)
    assert torch.allclose(same(raw), degree(z), atol=1e-4)
    assert torch.allclose(same.back(raw), degree.back(z) * deviation + mean, atol=1e-4)


def test_a_folded_graph_gives_the_feature_of_features_moved_back_with_the_limit_moved() -> None:
    torch.manual_seed(0)
    image = towers.ImageGraph(towers.empty_lite()).eval().requires_grad_(False)
    image.names.normal_()
    for layer in (image.head.b, image.coordinates.b):
        layer.weight.normal_(std=0.02)
    degree, raw = whole()
    x, weight = raw.double().numpy(), degree.weight.double().numpy()
    estimate = x @ weight + degree.bias
    moved = torch.from_numpy(x - correction.FURTHER * estimate[:, None] * degree.shift.double().numpy()).float()
    classifier = image.pooled.model.classifier

    def conse(pooled: torch.Tensor) -> torch.Tensor:
        return towers.unit(torch.softmax(classifier(pooled), -1) @ image.names)

    want = image.feature(moved, conse(moved)).double().numpy()
    d = 0.0032 * estimate
    share = towers.SHARE**2
    want[:, towers.SPACE : -1] *= np.sqrt((1 - share - d**2) / (1 - share))[:, None]
    want[:, -1] = d
    correction.correct(image, degree)
    found = image.feature(raw, conse(raw)).numpy()
    assert np.abs(want[:, -1]).max() > 1e-3, "the test moves limits"
    assert np.abs(found - want).max() < 1e-5
    assert np.abs(np.linalg.norm(found, axis=-1) - 1).max() < 1e-6


def test_the_number_of_the_limit_is_0_0032_of_the_estimate_and_never_above_a_tenth() -> None:
    limit = towers.Limit()
    with torch.no_grad():
        limit.a.weight[0, 0], limit.a.bias[0] = 2.0, -0.5
        z = torch.zeros(4, 1280)
        z[:, 0] = torch.tensor([0.25, 0.75, 100.0, -100.0])
        assert torch.allclose(limit(z)[:, 0], torch.tensor([0.0, 0.0032, 0.1, -0.1]))
        v, u = towers.unit(torch.randn(4, towers.SPACE)), towers.unit(torch.randn(4, towers.COORDINATES))
        feature = towers.image_feature(v, u, limit(z))
    assert torch.allclose(feature.norm(dim=-1), torch.ones(4), atol=1e-6)
    assert torch.allclose(feature[0], towers.image_feature(v, u)[0]), "0 leaves the feature as it is"
    assert torch.equal(feature[:, : towers.SPACE], towers.SHARE * v), "cosines with yes features stay as they are"


def test_a_saved_correction_is_found_again_for_the_same_heads_alone(tmp_path: Path) -> None:
    degree, _ = whole()
    path = tmp_path / "thumbnails.pt"
    assert correction.load(path, {"mean": 1.0}) is None
    correction.save(degree, {"mean": 1.0}, path)
    found = correction.load(path, {"mean": 1.0})
    assert found is not None
    assert torch.equal(found.weight, degree.weight)
    assert torch.equal(found.shift, degree.shift)
    assert found.bias == degree.bias
    assert correction.load(path, {"mean": 2.0}) is None
