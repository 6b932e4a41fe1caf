from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from clipn_models.losses import clipn_loss, image_text_binary_opposite, membership_loss, text_semantic_opposite


def unit(n: int, d: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


@given(st.integers(2, 9), st.integers(0, 1000), st.floats(0.1, 8))
@settings(max_examples=50, deadline=None)
def test_binary_opposite_is_the_papers_formula(n: int, seed: int, scale: float) -> None:
    image, yes, no = unit(n, 8, seed), unit(n, 8, seed + 1), unit(n, 8, seed + 2)
    s, s_no = scale * image @ yes.T, scale * image @ no.T
    p_no = torch.exp(s_no) / (torch.exp(s_no) + torch.exp(s))  # the paper's softmax over the pair
    want_yes = -torch.log(1 - p_no).diagonal().mean()
    off = ~torch.eye(n, dtype=torch.bool)
    want_no = -torch.log(p_no)[off].mean()
    got_yes, got_no = image_text_binary_opposite(image @ yes.T, image @ no.T, scale)
    assert got_yes.item() == pytest.approx(want_yes.item(), rel=1e-8)
    assert got_no.item() == pytest.approx(want_no.item(), rel=1e-8)


def test_no_underflow_at_scale_100() -> None:
    image = unit(4, 8, 0).float().requires_grad_()
    losses = clipn_loss(image, image.detach(), -image.detach(), 100.0)
    assert all(torch.isfinite(v) for v in losses.values())
    losses["total"].backward()
    assert torch.isfinite(image.grad).all()
    worst = clipn_loss(image, -image.detach(), image.detach(), 100.0)
    assert torch.isfinite(worst["yes"])
    assert worst["yes"] > 100


def test_the_relation_decides_which_texts_are_pairs() -> None:
    yes, no = torch.tensor([[0.9, 0.1, 0.2]]), torch.tensor([[0.1, 0.9, 0.8]])
    positive, ignore = torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])
    a = image_text_binary_opposite(yes, no, 10.0, positive, ignore)
    no[0, 2] = -5.0  # the relation of that pair is unknown, so it must not count
    b = image_text_binary_opposite(yes, no, 10.0, positive, ignore)
    assert a == b


def test_text_opposite_falls_as_features_part() -> None:
    g = unit(5, 8, 3)
    same, apart = text_semantic_opposite(g, g), text_semantic_opposite(g, -g)
    assert same.item() == pytest.approx(2 - 1e-2, abs=1e-9)  # sqrt(1e-4) keeps the gradient finite
    assert apart.item() == pytest.approx(0, abs=1e-4)


def test_membership_loss_is_p_ood_of_the_registered_classes() -> None:
    cos_yes = torch.tensor([[0.52, 0.5, 0.9], [0.48, 0.51, 0.9]], dtype=torch.float64)
    cos_no = torch.tensor([[0.51, 0.52, 0.1], [0.47, 0.53, 0.1]], dtype=torch.float64)
    relation = torch.tensor([[1, 0, 0], [0, 0, 1]], dtype=torch.int8)
    # class 2 is not registered: image 0 is a member by class 0, image 1 is out of distribution although it shows class 2
    loss = membership_loss(cos_yes, cos_no, 100.0, relation, torch.tensor([True, True, False]))
    p = (100 * cos_yes[:, :2]).softmax(-1)
    p_ood = (p * torch.sigmoid(100 * (cos_no - cos_yes)[:, :2])).sum(-1)
    want = (-torch.log(1 - p_ood[0]) - torch.log(p_ood[1])) / 2
    assert loss is not None
    assert loss.item() == pytest.approx(want.item(), rel=1e-9)


def test_membership_loss_needs_both_kinds_and_leaves_unknown_images_out() -> None:
    cos = torch.tensor([[0.9, 0.5], [0.2, 0.8]])
    every = torch.ones(2, dtype=torch.bool)
    assert membership_loss(cos, cos, 100.0, torch.eye(2, dtype=torch.int8), every) is None
    assert membership_loss(cos, cos, 100.0, torch.zeros(2, 2, dtype=torch.int8), every) is None
    unknown = torch.tensor([[-1, 0], [0, 1]], dtype=torch.int8)
    assert membership_loss(cos, cos, 100.0, unknown, every) is None, "of image 0 it can't be said whether it is a stranger"
