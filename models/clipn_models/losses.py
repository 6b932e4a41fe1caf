"""The losses of the CLIPN paper (section 3.3) on one batch of N images and N texts.

p^no_ij = sigmoid(scale (s^no_ij - s_ij)) is the probability that image i does NOT show text j; p^yes = 1 - p^no.
The losses are computed with log-sigmoid, because the official form, log(1 - sigmoid(x) + eps) on exponentials, underflows at scale 100.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def image_text_binary_opposite(
    cos_yes: Tensor, cos_no: Tensor, scale: float, positive: Tensor | None = None, ignore: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """L_yes = -mean_i log p^yes_ii and L_no = -mean_{i != j} log p^no_ij.

    cos_yes, cos_no [N, M]: cosines of images with yes and with no features. ``positive`` [N, M] bool marks matching
    pairs (default: the diagonal, as in the paper); ``ignore`` marks pairs whose relation is unknown: two captions of one
    class in a batch are not a negative pair, and in a batch drawn from few hundred classes there are many.
    """
    if positive is None:
        positive = torch.eye(*cos_yes.shape, dtype=torch.bool, device=cos_yes.device)
    negative = ~positive if ignore is None else ~positive & ~ignore
    x = scale * (cos_no - cos_yes)
    yes = -F.logsigmoid(-x)[positive].mean()
    no = -F.logsigmoid(x)[negative].mean()
    return yes, no


def text_semantic_opposite(yes: Tensor, no: Tensor) -> Tensor:
    """L_tso = mean(2 - ||g - g^no||) for unit vectors, ||g - g^no|| = sqrt(2 - 2 cos): it separates the two features."""
    cos = (yes * no).sum(-1)
    return (2 - torch.sqrt(2 - 2 * cos + 1e-4)).mean()


def clipn_loss(image: Tensor, yes: Tensor, no: Tensor, scale: float, positive: Tensor | None = None, ignore: Tensor | None = None) -> dict[str, Tensor]:
    """Unit features image [N, D], yes [M, D], no [M, D] -> {"yes", "no", "tso", "total"}; total = 0.5 (sum of the three)."""
    l_yes, l_no = image_text_binary_opposite(image @ yes.T, image @ no.T, scale, positive, ignore)
    l_tso = text_semantic_opposite(yes, no)
    return {"yes": l_yes, "no": l_no, "tso": l_tso, "total": 0.5 * (l_yes + l_no + l_tso)}


def membership_loss(cos_yes: Tensor, cos_no: Tensor, scale: float, relation: Tensor, registered: Tensor) -> Tensor | None:
    """p_{C+1} of an imagined tenant as a binary answer: does the image show any of its classes? Not in the paper: an addition.

    cos_yes, cos_no [N, C]; ``relation`` int8 [N, C]: 1 the text fits the image, 0 it does not, -1 unknown; ``registered``
    bool [C]: the tenant's classes. -log(sum_j p_j (1 - p^no_j)) where one of them fits, -log(sum_j p_j p^no_j) where none
    does. Both kinds have the same weight, and images of unknown relation are left out. None if the batch has one kind only.
    L_no is a mean over all pairs, nearly all of which are easy, so a class that only looks alike has hardly any weight in it.
    """
    known = relation.masked_fill(~registered, 0)
    member = (known == 1).any(-1)
    stranger = (known == 0).all(-1)
    if not member.any() or not stranger.any():
        return None
    log_p = (scale * cos_yes).masked_fill(~registered, -1e4).log_softmax(-1)
    x = scale * (cos_no - cos_yes)
    inside = torch.logsumexp(log_p + F.logsigmoid(-x), -1)
    outside = torch.logsumexp(log_p + F.logsigmoid(x), -1)
    return (-inside[member].mean() - outside[stranger].mean()) / 2


def draw_tenant(count: int, most: float, rng: np.random.Generator) -> Tensor:
    """bool [count]: the classes of an imagined tenant, at least one and up to ``most``; the logarithm of their number is uniform."""
    size = max(1, int(np.exp(rng.uniform(0, np.log(most)))))
    registered = torch.zeros(count, dtype=torch.bool)
    registered[torch.from_numpy(rng.permutation(count)[:size])] = True
    return registered


def tenant_loss(cos_yes: Tensor, cos_no: Tensor, scale: float, relation: Tensor, registered: Tensor, keep: float = 1.0) -> Tensor | None:
    """Both rules of one imagined tenant: ``membership_loss`` (the condition of ATD), and for CTW the no logit of the likeliest class.

    Shapes as in ``membership_loss``. ``keep``: weight, in CTW's part, of images that belong against those that do not. None if
    the batch has images of one kind only.
    """
    members = membership_loss(cos_yes, cos_no, scale, relation, registered)
    if members is None:
        return None
    known = relation.masked_fill(~registered, 0)
    member, stranger = (known == 1).any(-1), (known == 0).all(-1)
    rows = torch.arange(len(cos_yes), device=cos_yes.device)
    winner = cos_yes.masked_fill(~registered, -9).argmax(-1)
    x = scale * (cos_no[rows, winner] - cos_yes[rows, winner])
    return members + 0.5 * (keep * F.softplus(x[member]).mean() + F.softplus(-x[stranger]).mean())


def imagined_tenants(cos_yes: Tensor, cos_no: Tensor, scale: float, relation: Tensor, rng: np.random.Generator, tenants: int = 4) -> Tensor:
    """Mean of ``tenant_loss`` over tenants drawn from the texts of a batch, each of 1 to 70 % of them.

    Zero, with a gradient of zero, if no tenant has images of both kinds.
    """
    count, losses = relation.shape[1], []
    for _ in range(tenants):
        registered = draw_tenant(count, max(2.0, count * 0.7), rng).to(relation.device)
        loss = tenant_loss(cos_yes, cos_no, scale, relation, registered)
        losses += [] if loss is None else [loss]
    return torch.stack(losses).mean() if losses else cos_no.sum() * 0
