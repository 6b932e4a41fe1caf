"""Makes test/fixtures/quick: a bundle of a CLIP with random weights, of which a start takes half the processor time of one with clipn-tiny.

``python -m tests.make_quick_fixture`` in models/. The tests of the service run with it where no decision has to make sense. Random features
are close together, so that all images would get one verdict; the features are centred on zero to get different classes and decisions.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from clipn_models import bundle, tokenizer
from clipn_models.model import CLIPN
from clipn_models.transform import normalise, reference
from clipn_models.verify import verify

from .random_models import random_model

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures"
SAMPLES = Path(__file__).parents[2] / "samples"
TOKENIZER = FIXTURES / "clipn-tiny" / "tokenizer.json"
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


def output_of(module: torch.nn.Module, run: Callable[[], object]) -> torch.Tensor:
    """The output of a module in a run of the model that it is part of."""
    outputs: list[torch.Tensor] = []
    hook = module.register_forward_hook(lambda _module, _input, output: outputs.append(output))
    run()
    hook.remove()
    return outputs[0]


@torch.no_grad()
def centre(model: CLIPN, names: list[str]) -> None:
    """Moves the biases of the last norms so that the mean feature of photographs, and that of class names, is zero."""
    pixels = normalise(torch.from_numpy(photographs(model.image_size)).permute(0, 3, 1, 2).float() / 255)
    norm = model.visual.ln_post
    norm.bias -= output_of(norm, lambda: model.visual(pixels))[:, 0].mean(0)
    texts = [f"a photo of a {name}." for name in names]
    tokens = tokenizer.encode(tokenizer.load(TOKENIZER), texts, model.context_length)
    for tower, norm in (("yes", model.ln_final), ("no", model.ln_final_no)):
        outputs = output_of(norm, partial(model.text_features, tokens, tower))
        norm.bias -= outputs[torch.arange(len(tokens)), tokens.argmax(-1)].mean(0)


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
        TOKENIZER,
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
