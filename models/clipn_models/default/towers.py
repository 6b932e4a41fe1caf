"""The default's three graphs in PyTorch: EfficientNet-Lite and MiniLM with heads between them, in one space of ``WIDTH`` dimensions.

A feature has three parts: ``SPACE`` numbers of meaning, ``COORDINATES`` that only the no side uses, and one number that fills up the length.

  image     [a v, b u, d]   v = unit(k c + head(pooled)), c = the mean of the names of ImageNet's classes, weighted by the
                            pretrained classifier's probabilities (ConSE: Norouzi et al., ICLR 2014); u = unit([1, coordinates(pooled, v)]);
                            d = limit(pooled), a number near 0 that is larger for thumbnails (``correction``); b fills it up to unit length
  text-yes  [t, 0, 0]       t = MiniLM's sentence feature
  text-no   [n(t), e(t), r] a learned function of t; r fills it up to unit length

With a = ``SHARE``, 100 cos(image, yes) = 14.3 cos(v, t): the softmax has the temperature 0.07 that stage one was trained with, at CLIPN's
constant scale of 100. The no logit 100 (cos_no - cos_yes) = 100 (a v.n + b u.e + d r - a v.t) compares the similarity
of image and class with a limit that depends on the class's name, and for thumbnails on the image.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import backbone, minilm

SPACE = minilm.WIDTH
COORDINATES = 127
WIDTH = SPACE + COORDINATES + 1
SHARE = 0.143
SIZE, LITE = 224, 0
WITHOUT_LIMIT = f"lite-minilm-{LITE}"
"""Architecture of the bundles up to version 1.0.0, whose image features end in 0."""
ARCHITECTURE = f"{WITHOUT_LIMIT}-limit"
HIDDEN, NO_HIDDEN, COORDINATE_HIDDEN = 1024, 512, 384
TEXT_GAIN = 8.0
"""Numbers of a unit vector of 384 are about 0.05; hidden layers need values near one."""


def unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


class ImageHead(nn.Module):
    """Stage one: pooled features, scaled to deviation one [N, 1280], and ConSE features [N, 384] -> v, unit [N, 384]."""

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.a, self.b = nn.Linear(backbone.WIDTH, HIDDEN), nn.Linear(HIDDEN, SPACE)
        self.k = nn.Parameter(torch.ones(1))
        self.dropout = dropout
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, z: Tensor, conse: Tensor) -> Tensor:
        h = F.gelu(self.a(F.dropout(z, self.dropout, self.training)))
        return unit(self.k * conse + self.b(F.dropout(h, self.dropout, self.training)))


class Coordinates(nn.Module):
    """Stage two, image side: properties of an image that only the no side uses. -> u, unit [N, COORDINATES]."""

    REACH = 0.3

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.a, self.m = nn.Linear(backbone.WIDTH, COORDINATE_HIDDEN), nn.Linear(SPACE, COORDINATE_HIDDEN, bias=False)
        self.b = nn.Linear(COORDINATE_HIDDEN, COORDINATES - 1)
        self.dropout = dropout
        nn.init.normal_(self.b.weight, std=0.02)
        nn.init.zeros_(self.b.bias)

    def forward(self, z: Tensor, v: Tensor) -> Tensor:
        h = F.gelu(self.a(F.dropout(z, self.dropout, self.training)) + self.m(v * TEXT_GAIN))
        u = torch.tanh(self.b(F.dropout(h, self.dropout, self.training))) * self.REACH
        return unit(torch.cat([torch.ones_like(u[:, :1]), u], -1))


class NoHead(nn.Module):
    """Stage two, text side: t [C, 384] -> unit no features [C, WIDTH]."""

    GAIN, START, MOST = 0.1, 0.05, 0.95

    def __init__(self, dropout: float = 0.0):
        super().__init__()
        self.a, self.b = nn.Linear(SPACE, NO_HIDDEN), nn.Linear(NO_HIDDEN, SPACE + COORDINATES)
        self.dropout = dropout
        nn.init.normal_(self.b.weight, std=0.01)
        nn.init.zeros_(self.b.bias)
        with torch.no_grad():
            self.b.bias[SPACE] = self.START / self.GAIN

    def forward(self, t: Tensor) -> Tensor:
        h = self.b(F.dropout(F.gelu(self.a(t * TEXT_GAIN)), self.dropout, self.training)) * self.GAIN
        h = h * torch.clamp(self.MOST / h.norm(dim=-1, keepdim=True).clamp(min=1e-6), max=1.0)
        return torch.cat([h, torch.sqrt(1 - (h * h).sum(-1, keepdim=True))], -1)


class Limit(nn.Module):
    """Pooled features [N, 1280] -> d [N, 1]. 100 d r is added to the no logit of a class, where r is the last number of its no feature (0.94 on average).

    ``a`` estimates how much an image looks like a thumbnail: 0 for plain views, 1 for thumbnails, beyond that for other pictures.
    """

    GAIN, MOST = 0.0032, 0.1

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(backbone.WIDTH, 1)
        nn.init.zeros_(self.a.weight)
        nn.init.zeros_(self.a.bias)

    def forward(self, z: Tensor) -> Tensor:
        return torch.clamp(self.GAIN * self.a(z), -self.MOST, self.MOST)


class NoLimit(nn.Module):
    """In place of ``Limit`` in bundles of the architecture ``WITHOUT_LIMIT``."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.zeros_like(z[:, :1])


def image_feature(v: Tensor, u: Tensor, d: Tensor | None = None) -> Tensor:
    """[N, 384], [N, COORDINATES], [N, 1] (0 if left out) -> unit [N, WIDTH]."""
    d = torch.zeros_like(v[:, :1]) if d is None else d
    return torch.cat([SHARE * v, torch.sqrt(1 - SHARE**2 - d * d) * u, d], -1)


def yes_feature(t: Tensor) -> Tensor:
    """[C, 384] -> unit [C, WIDTH]."""
    return F.pad(t, (0, COORDINATES + 1))


def fold_scaling(layer: nn.Linear, mean: Tensor, deviation: Tensor) -> None:
    """Makes ``layer``, which was trained on (x - mean) / deviation, read x itself. In place."""
    with torch.no_grad():
        layer.weight.div_(deviation)
        layer.bias.sub_(layer.weight @ mean)


def unfold_scaling(layer: nn.Linear, mean: Tensor, deviation: Tensor) -> None:
    """The reverse of ``fold_scaling``: makes ``layer``, which reads x, read (x - mean) / deviation. In place."""
    with torch.no_grad():
        layer.bias.add_(layer.weight @ mean)
        layer.weight.mul_(deviation)


def fold_batch_norms(model: nn.Module) -> None:
    """Folds every batch norm of a timm EfficientNet into the convolution before it, in place. Needs eval mode."""
    for module in list(model.modules()):
        pairs = [("conv_stem", "bn1"), ("conv_head", "bn2"), ("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")]
        if hasattr(module, "conv_dw") and not hasattr(module, "conv_pwl"):
            pairs = [("conv_dw", "bn1"), ("conv_pw", "bn2")]
        for conv, norm in pairs:
            if hasattr(module, conv) and isinstance(getattr(module, norm, None), nn.BatchNorm2d):
                after = getattr(module, norm)
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), after))
                setattr(module, norm, getattr(after, "act", None) or nn.Identity())


class ImageGraph(nn.Module):
    """pixels uint8 [N, S, S, 3] -> unit features [N, WIDTH]."""

    def __init__(self, lite: nn.Module, limit: bool = True):
        super().__init__()
        self.pooled = backbone.Pooled(lite)
        self.names = nn.Parameter(torch.zeros(1000, SPACE))
        self.head, self.coordinates, self.limit = ImageHead(), Coordinates(), Limit() if limit else NoLimit()

    def forward(self, pixels: Tensor) -> Tensor:
        pooled = self.pooled((pixels.permute(0, 3, 1, 2).float() - 127.5) / 127.5)
        return self.feature(pooled, unit(torch.softmax(self.pooled.model.classifier(pooled), -1) @ self.names))

    def feature(self, pooled: Tensor, conse: Tensor) -> Tensor:
        """Pooled features [N, 1280] and ConSE features [N, 384] -> unit [N, WIDTH]."""
        v = self.head(pooled, conse)
        return image_feature(v, self.coordinates(pooled, v), self.limit(pooled))


class TextYes(nn.Module):
    """tokens int64 [N, T], padded with 0 -> unit yes features [N, WIDTH]."""

    def __init__(self, trunk: minilm.MiniLM):
        super().__init__()
        self.trunk = trunk

    def forward(self, tokens: Tensor) -> Tensor:
        return yes_feature(self.trunk(tokens))


class TextNo(nn.Module):
    """tokens int64 [N, T], padded with 0 -> unit no features [N, WIDTH]."""

    def __init__(self, trunk: minilm.MiniLM):
        super().__init__()
        self.trunk, self.head = trunk, NoHead()

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.trunk(tokens))


def empty_lite() -> nn.Module:
    """The backbone without weights, its batch norms folded."""
    import timm

    model = timm.create_model(f"tf_efficientnet_lite{LITE}", pretrained=False).eval()
    fold_batch_norms(model)
    return model


def build_graphs(path: Path | None = None) -> dict[str, nn.Module]:
    """The three graphs with weights that the caller fills in: those of the bundle in ``path``, or of a new one."""
    architecture = ARCHITECTURE if path is None else json.loads((path / "bundle.json").read_text())["provenance"]["architecture"]
    trunk = minilm.MiniLM()
    return {"image": ImageGraph(empty_lite(), limit=architecture != WITHOUT_LIMIT), "text-yes": TextYes(trunk), "text-no": TextNo(trunk)}
