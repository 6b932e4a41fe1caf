"""The corrections for thumbnails, on synthetic features."""

from __future__ import annotations

import torch

from clipn_models.default import thumbnails


def pairs(count: int = 4000, width: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of the same photographs: the thumbnails are moved by 3 along the first axis."""
    g = torch.Generator().manual_seed(0)
    plain = torch.randn(count, width, generator=g)
    return plain, plain + 3 * torch.eye(width)[0] + 0.1 * torch.randn(count, width, generator=g)


def test_the_estimate_tells_thumbnails_from_plain_views_and_moves_them_back() -> None:
    plain, small = pairs()
    degree = thumbnails.fit(plain, small, directions=1)
    assert float(degree(small).mean() - degree(plain).mean()) > 0.4
    before, after = (float((b.mean(0) - a.mean(0)).norm()) for a, b in ((plain, small), (degree.back(plain), degree.back(small))))
    assert after < 0.5 * before


def test_what_is_left_out_is_the_direction_of_the_differences() -> None:
    degree = thumbnails.fit(*pairs(), directions=1)
    assert degree.directions.abs()[0, 0] > 0.99
    z = torch.randn(5, 12)
    assert float((degree.without(z) @ degree.directions.T).abs().max()) < 1e-5
