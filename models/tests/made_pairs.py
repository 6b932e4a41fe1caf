"""Synthetic data for the recipe: photographs of one colour each, captions that name it, and a small CLIP trained on these pairs."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from clipn_models import tokenizer
from clipn_models.model import build
from clipn_models.transform import normalise

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 40),
    "blue": (30, 40, 220),
    "white": (240, 240, 240),
    "black": (10, 10, 10),
    "yellow": (230, 220, 30),
    "purple": (130, 30, 160),
    "grey": (128, 128, 128),
}
ARCH = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 700, "width": 32, "heads": 2, "layers": 2},
}


@dataclass(frozen=True)
class Made:
    root: Path
    arch: Path
    tokenizer: Path
    checkpoint: Path
    table: Path
    """pairs.csv: 160 pairs, 20 of each colour, captions all different from each other but for some"""
    shard: Path
    """the same pairs in a tar"""

    def command(self, out: Path, *more: str, data: Path | None = None) -> list[str]:
        return [
            *("train", "--checkpoint", str(self.checkpoint), "--arch", str(self.arch), "--tokenizer", str(self.tokenizer)),
            *("--data", str(data or self.table), "--out", str(out), "--preset", "quick", "--device", "cpu", *more),
        ]


def picture(colour: str, rng: np.random.Generator, side: tuple[int, int] = (40, 48)) -> np.ndarray:
    return np.clip(np.array(COLOURS[colour]) + rng.normal(0, 12, (*side, 3)), 0, 255).astype(np.uint8)


def caption(colour: str, number: int) -> str:
    return f"a photo of {colour} {'abcdefghij'[number % 10]}{'abcdefghij'[number // 10 % 10]}"


def texts(colour: str) -> list[str]:
    return [caption(colour, n) for n in range(40)]


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def make(root: Path) -> Made:
    made = Made(root, root / "arch.json", root / "tokenizer.json", root / "clip.pt", root / "pairs.csv", root / "pairs-000.tar")
    made.arch.write_text(json.dumps(ARCH))
    tok = tokenizer.train([t for c in COLOURS for t in texts(c)] + ["the quick brown fox jumps over the lazy dog"] * 3, 700)
    tok.save(str(made.tokenizer))
    rng = np.random.default_rng(0)
    rows = ["filepath,title"]
    with tarfile.open(made.shard, "w") as tar:
        for i in range(160):
            colour, text = list(COLOURS)[i % 8], caption(list(COLOURS)[i % 8], i // 8)
            data = encoded(picture(colour, rng), "PNG")
            (root / "images").mkdir(exist_ok=True)
            (root / "images" / f"{i:03}.png").write_bytes(data)
            rows.append(f"images/{i:03}.png,{text}")
            add(tar, f"{i:03}.png", data)
            add(tar, f"{i:03}.txt", text.encode())
    made.table.write_text("\n".join(rows) + "\n")
    torch.save(learned_clip(made, rng), made.checkpoint)
    return made


def caption_loss(image: torch.Tensor, text: torch.Tensor, scale: float) -> torch.Tensor:
    """CLIP's own contrastive loss, in both directions."""
    logits = scale * image @ text.T
    target = torch.arange(len(image))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def learned_clip(made: Made, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """A few seconds of contrastive learning; the state dict of a CLIP, without a no tower."""
    torch.manual_seed(0)
    model, tok, names = build(ARCH), tokenizer.load(made.tokenizer), list(COLOURS)
    optimizer = torch.optim.AdamW([p for n, p in model.named_parameters() if "_no" not in n], lr=2e-3)
    for _ in range(60):
        images = np.stack([picture(c, rng, (32, 32)) for c in names * 3])
        tokens = tokenizer.encode(tok, [caption(c, int(rng.integers(0, 40))) for c in names * 3], 16)
        image = F.normalize(model.encode_image(normalise(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)), dim=-1)
        text = F.normalize(model.text_features(tokens, "yes"), dim=-1)
        loss = sum(caption_loss(image[k * 8 : k * 8 + 8], text[k * 8 : k * 8 + 8], 20.0) for k in range(3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {k: v for k, v in model.state_dict().items() if not k.partition(".")[0].endswith("_no")}
