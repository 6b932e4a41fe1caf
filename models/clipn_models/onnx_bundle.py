"""A bundle's features in ONNX Runtime, for evaluations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import tokenizer as bpe
from .bundle import graph_files, load_manifest
from .sessions import open_session


class OnnxBundle:
    """A bundle in ONNX Runtime: the measured files are the shipped files."""

    def __init__(self, path: Path, precision: str | None = None):
        self.manifest = load_manifest(path)
        files = graph_files(self.manifest, precision or self.manifest["precision"])
        self.session = {part: open_session(path / file) for part, file in files.items()}
        self.tokenizer = bpe.load(path / "tokenizer.json")

    def images(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3], S the size of the manifest -> float64 [N, D]."""
        parts = [np.ascontiguousarray(pixels[at : at + 250]) for at in range(0, len(pixels), 250)]
        return np.concatenate([self.session["image"].run(None, {"pixels": part})[0] for part in parts]).astype(np.float64)

    def classes(self, names: list[str], tower: str) -> np.ndarray:
        """Unit float64 [C, D] in the default templates."""
        templates = self.manifest["templates"]
        return self.texts(names, tower, (templates["no"] or templates["yes"]) if tower == "no" else templates["yes"])

    def texts(self, names: list[str], tower: str, templates: list[str]) -> np.ndarray:
        """Unit float64 [C, D] in some templates."""
        total = 0
        for template in templates:
            tokens = bpe.encode(self.tokenizer, [template.replace("{}", n) for n in names], self.manifest["text"]["context_length"])
            f = self.session[f"text-{tower}"].run(None, {"tokens": tokens.numpy()})[0].astype(np.float64)
            total = total + f / np.linalg.norm(f, axis=-1, keepdims=True)
        return total / np.linalg.norm(total, axis=-1, keepdims=True)
