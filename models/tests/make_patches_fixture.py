"""Makes test/fixtures/patches: a bundle of a Vision Transformer with random weights whose image graph gives features of patches as well.

``python -m tests.make_patches_fixture`` in models/. The service's tests read it where there is no Python.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from clipn_models import bundle, tokenizer
from clipn_models.verify import verify

from .random_models import random_model

OUT = Path(__file__).parents[2] / "test" / "fixtures" / "patches"

CONFIGURATION = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 600, "width": 16, "heads": 2, "layers": 1},
}
PROVENANCE = {
    "architecture": "patches",
    "configuration": CONFIGURATION,
    "variant": "learnable",
    "checkpoint": "random weights",
    "training_data": [],
    "commit": None,
    "date": "2026-11-29",
}


def main() -> None:
    model = random_model(CONFIGURATION)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "tokenizer.json"
        tokenizer.train(["a photo of a dog", "a school bus", "cat sunflower violin"] * 5, 600).save(str(made))
        bundle.write(
            model,
            made,
            OUT,
            name="patches",
            version="1.0.0",
            licence="Apache-2.0",
            provenance=PROVENANCE,
            templates={"yes": ["a photo of a {}.", "{}"], "no": None},
            vocabulary=None,
            evaluation={},
            patches=True,
        )
    verify(OUT)


if __name__ == "__main__":
    main()
