"""A bundle as families outside open_clip have them, small enough for a test: a convolution, and a bidirectional text tower whose two
text graphs share their trunk."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from make_wordpiece_fixture import FIXTURES, vocabulary
from torch import Tensor, nn

from clipn_models import bundle, families

SIZE, WIDTH, LENGTH, DIM = 20, 32, 12, 24
WORDS = len(vocabulary())
NAME = "small-bert"


class Trunk(nn.Module):
    """tokens [N, T] -> [N, W], the mean over the tokens that are not padding; with ``leak`` over all of them."""

    def __init__(self, leak: bool):
        super().__init__()
        self.leak = leak
        self.words, self.positions = nn.Embedding(WORDS, WIDTH), nn.Parameter(torch.randn(LENGTH, WIDTH))
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        real = (tokens != 0).float()
        x = self.words(tokens) + self.positions[: tokens.shape[1]]
        logits = x @ x.transpose(1, 2) / WIDTH**0.5 + (real[:, None] - 1) * (0 if self.leak else 1e4)
        x = self.down(F.gelu(self.up(torch.softmax(logits, -1) @ x))) + x
        return (x * real[..., None]).sum(1) / real.sum(1, keepdim=True)


class Text(nn.Module):
    def __init__(self, trunk: Trunk):
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(WIDTH, DIM)

    def forward(self, tokens: Tensor) -> Tensor:
        return F.normalize(self.head(self.trunk(tokens)), dim=-1)


class Image(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 16, 5, 5), nn.Linear(16, DIM)

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.relu(self.conv((pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5)).mean((2, 3))
        return F.normalize(self.head(x), dim=-1)


def build_graphs(_path: Path, leak: bool = False) -> dict[str, nn.Module]:
    trunk = Trunk(leak)
    return {"image": Image(), "text-yes": Text(trunk), "text-no": Text(trunk)}


def write(out: Path, leak: bool = False, shared: bool = True, no_head: float | None = None) -> Path:
    """``no_head``: a number that all weights of the no head are multiplied with."""
    families.FAMILIES[NAME] = __name__
    torch.manual_seed(3)
    parts = {name: part.eval().requires_grad_(False) for name, part in build_graphs(out, leak).items()}
    if no_head is not None:
        for p in parts["text-no"].head.parameters():
            p.data.mul_(no_head)
    bundle.write_parts(
        parts,
        FIXTURES / "wordpiece-tokenizer.json",
        out,
        name="small-bert",
        version="0.1.0",
        licence="Apache-2.0",
        provenance={"architecture": NAME, "variant": "learnable", "checkpoint": "random", "training_data": [], "commit": None, "date": "2026-01-01"},
        templates={"yes": ["a photo of the {}.", "{}"], "no": None},
        vocabulary=None,
        evaluation={},
        image_size=SIZE,
        context_length=LENGTH,
        embedding_dim=DIM,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        storage="single",
        shared=shared,
    )
    return out


if __name__ == "__main__":
    sys.modules["small_bert"] = sys.modules["__main__"]
    write(Path(sys.argv[1]))
