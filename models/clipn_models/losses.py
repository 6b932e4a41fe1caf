"""The losses of the CLIPN paper (section 3.3) on one batch of N images and N texts.

p^no_ij = sigmoid(scale (s^no_ij - s_ij)) says that image i does NOT show text j; p^yes = 1 - p^no.
Everything goes through log-sigmoid: the official form, log(1 - sigmoid(x) + eps) on exponentials, underflows at scale 100.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def image_text_binary_opposite(
    cos_yes: Tensor, cos_no: Tensor, scale: float, positive: Tensor | None = None, ignore: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """L_yes = -mean_i log p^yes_ii and L_no = -mean_{i != j} log p^no_ij.

    cos_yes, cos_no [N, M]: cosines of images with yes and with no features. ``positive`` [N, M] bool marks matching
    pairs (default: the diagonal, as in the paper); ``ignore`` marks pairs of which nothing is known: two captions of one
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
    """L_tso = mean(2 - ||g - g^no||) for unit vectors, ||g - g^no|| = sqrt(2 - 2 cos): the two features should part."""
    cos = (yes * no).sum(-1)
    return (2 - torch.sqrt(2 - 2 * cos + 1e-4)).mean()


def clipn_loss(image: Tensor, yes: Tensor, no: Tensor, scale: float, positive: Tensor | None = None, ignore: Tensor | None = None) -> dict[str, Tensor]:
    """Unit features image [N, D], yes [M, D], no [M, D] -> {"yes", "no", "tso", "total"}; total = 0.5 (sum of the three)."""
    l_yes, l_no = image_text_binary_opposite(image @ yes.T, image @ no.T, scale, positive, ignore)
    l_tso = text_semantic_opposite(yes, no)
    return {"yes": l_yes, "no": l_no, "tso": l_tso, "total": 0.5 * (l_yes + l_no + l_tso)}


def competing_loss(cos_yes: Tensor, cos_no: Tensor, scale: float, relation: Tensor, registered: Tensor) -> Tensor | None:
    """The decision that CTW will have to take, as a loss. Not in the paper: an addition for small models.

    cos_yes, cos_no [N, C]; ``relation`` int8 [N, C]: 1 the text fits the image, 0 it does not, -1 unknown; ``registered``
    bool [C]: the classes of an imagined tenant. Each image's likeliest registered class wins; its "no" should say whether it
    fits. Winners that fit and winners that don't weigh the same: L_no's mean over all pairs is nearly all easy ones, so a
    class that only looks alike weighs next to nothing there. None where the batch has winners of one kind only.
    """
    winner = cos_yes.detach().masked_fill(~registered, -2).argmax(-1, keepdim=True)
    fits = relation.gather(1, winner)[:, 0]
    x = scale * (cos_no - cos_yes).gather(1, winner)[:, 0]
    if not (fits == 1).any() or not (fits == 0).any():
        return None
    return (-F.logsigmoid(-x)[fits == 1].mean() - F.logsigmoid(x)[fits == 0].mean()) / 2
