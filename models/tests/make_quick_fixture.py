"""Makes test/fixtures/quick: a bundle of a CLIP with random weights, of which a start takes half the processor time of one with clipn-tiny.

``python -m tests.make_quick_fixture`` in models/. The tests of the service run with it where no decision has to make sense. Random features
are close together, so that all images would get one verdict; the features are centred on zero to get different classes and decisions.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clipn_models import bundle, tokenizer
from clipn_models.model import CLIPN
from clipn_models.transform import reference
from clipn_models.verify import verify

from .random_models import random_model

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures"
SAMPLES = Path(__file__).parents[2] / "samples"
OUT = FIXTURES / "quick"

CONFIGURATION = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 32, "vocab_size": 3072, "width": 32, "heads": 2, "layers": 1},
}
PROVENANCE = {
    "architecture": "quick",
    "configuration": CONFIGURATION,
    "variant": "learnable",
    "checkpoint": "random weights",
    "training_data": [],
    "commit": None,
    "date": "2026-11-30",
}
NO_DISTANCE = 0.2
"""Noise on the weights of the no tower, in standard deviations. With more of it, all "no" probabilities are 0 or 1; with less, no image is out."""


def photographs(size: int) -> np.ndarray:
    """The samples in pieces, uint8 [N, S, S, 3]."""
    pieces = [reference(file, size) for file in sorted(SAMPLES.glob("*.jpg"))]
    for file in sorted(SAMPLES.glob("*.jpg")):
        with Image.open(file) as image:
            w, h = image.size
            boxes = [(x * w // 4, y * h // 4, (x + 1) * w // 4, (y + 1) * h // 4) for x in range(4) for y in range(4)]
            pieces += [np.asarray(image.convert("RGB").crop(box).resize((size, size))) for box in boxes]
    return np.stack(pieces)


@torch.no_grad()
def centre(model: CLIPN, names: list[str]) -> None:
    """Moves the biases of the last norms so that the mean feature of photographs, and that of class names, is zero."""
    pixels = torch.from_numpy(photographs(model.image_size)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (bundle.MEAN, bundle.STD))
    seen: list[torch.Tensor] = []
    hook = model.visual.ln_post.register_forward_hook(lambda _module, _input, output: seen.append(output))
    model.visual((pixels - mean) / std)
    hook.remove()
    model.visual.ln_post.bias -= seen[0][:, 0].mean(0)
    tok = tokenizer.load(FIXTURES / "clipn-tiny" / "tokenizer.json")
    rows = [tok.encode(f"a photo of a {name}.").ids for name in names]
    tokens = torch.tensor([row + [0] * (max(map(len, rows)) - len(row)) for row in rows])
    for tower in ("yes", "no"):
        norm = model.ln_final if tower == "yes" else model.ln_final_no
        at_end: list[torch.Tensor] = []
        hook = norm.register_forward_hook(lambda _module, _input, output, kept=at_end: kept.append(output))
        model.text_features(tokens, tower)
        hook.remove()
        norm.bias -= at_end[0][torch.arange(len(rows)), tokens.argmax(-1)].mean(0)


def main() -> None:
    tiny = json.loads((FIXTURES / "clipn-tiny" / "bundle.json").read_text())
    vocabulary = tiny["text"]["vocabulary"]
    model = random_model(CONFIGURATION)
    model.start_no_from_yes()
    with torch.no_grad():
        for p in model.no_parameters().values():
            p.add_(torch.randn_like(p) * NO_DISTANCE * p.std())
    centre(model, vocabulary[::10])
    shutil.rmtree(OUT, ignore_errors=True)
    bundle.write(
        model,
        FIXTURES / "clipn-tiny" / "tokenizer.json",
        OUT,
        name="quick",
        version="1.0.0",
        licence="Apache-2.0",
        provenance=PROVENANCE,
        templates=tiny["templates"],
        vocabulary=vocabulary,
        evaluation={},
    )
    verify(OUT)


if __name__ == "__main__":
    main()
