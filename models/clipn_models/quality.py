"""Cost of a lower precision: compares a bundle's fp32 graphs with those that replace them, on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer

from .bundle import GOLDEN_CLASSES, PARTS, golden_pixels
from .evaluate import scores
from .sessions import CPU, open_session
from .transform import reference
from .verdicts import class_features, verdict

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
BATCH = 8


def gpu() -> bool:
    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def open_graph(graph: bytes | Path, threads: int = 0, device: str = "cpu") -> onnxruntime.InferenceSession:
    """A session set up as the service sets up its own; 0 threads leaves their number to the runtime. ``device``: cpu or cuda."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CUDAExecutionProvider"] if device == "cuda" else CPU
    return open_session(graph, options, providers)


def run(session: onnxruntime.InferenceSession, rows: np.ndarray, output: str = "features") -> np.ndarray:
    """Pixels or tokens [N, ..] -> float32 [N, D], in batches; or another output of the graph."""
    name = session.get_inputs()[0].name
    return np.concatenate([session.run([output], {name: rows[i : i + BATCH]})[0] for i in range(0, len(rows), BATCH)])


@dataclass(frozen=True)
class Inputs:
    """Images to compare on, uint8 [N, S, S, 3], and names of classes to compare them with."""

    pixels: np.ndarray
    classes: tuple[str, ...]
    real: bool

    @property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Images for calibration, and images for measuring the result."""
        return self.pixels[::2], self.pixels[1::2]


def photographs(folder: Path, size: int, limit: int | None = 1024) -> Inputs:
    """Photographs of a folder through CLIP's transform, evenly chosen when more than ``limit``. Sub-folders, if it has two or more, name the classes.

    Raises ValueError if there are fewer than two.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    if len(files) < 2:
        raise ValueError(f"{folder}: {len(files)} images ({', '.join(sorted(ENDINGS))}), at least two are needed")
    files = [files[i] for i in np.linspace(0, len(files) - 1, min(limit or len(files), len(files))).round().astype(int)]
    names = sorted({p.relative_to(folder).parts[0].replace("_", " ").strip() for p in files if p.parent != folder})
    return Inputs(np.stack([reference(p, size) for p in files]), tuple(names) if len(names) > 1 else GOLDEN_CLASSES, True)


def made(size: int) -> Inputs:
    """Inputs when no photographs are given: the golden file's pictures and soft blobs of colour. Figures on them say little about real images."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.integers(0, 256, (12, 3, 5, 5)).astype(np.float32))
    blobs = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 255).byte()
    return Inputs(np.concatenate([golden_pixels(size), blobs.permute(0, 2, 3, 1).numpy()]), GOLDEN_CLASSES, False)


Sessions = dict[str, onnxruntime.InferenceSession]


def compare(base: Sessions, other: Sessions, inputs: Inputs, tokenizer: Tokenizer, manifest: dict) -> dict:
    """The manifest's ``quality`` of a precision: cosines of features, and changes of the verdicts.

    Only on images that were not used for calibration. ``equal_decisions``: see the function of this name.
    """
    pixels = inputs.halves[1]
    features = [run(s["image"], pixels).astype(np.float64) for s in (base, other)]
    texts = [_classes(s, inputs.classes, tokenizer, manifest) for s in (base, other)]
    verdicts = [[verdict(f @ yes.T, f @ no.T, manifest["logit_scale"]) for f in images] for images, (yes, no) in zip(features, texts, strict=True)]
    worst = 0.0
    moved = {name: max(abs(a["scores"][name] - b["scores"][name]) for a, b in zip(*verdicts, strict=True)) for name in verdicts[0][0]["scores"]}
    for a, b in zip(*verdicts, strict=True):
        worst = max(worst, abs(a["p_ood"] - b["p_ood"]), *(float(np.abs(np.subtract(a[k], b[k])).max()) for k in ("p", "p_no")))
    out = {
        "inputs": "photographs" if inputs.real else "made",
        "images": len(pixels),
        "classes": len(inputs.classes),
        "image_cosine": _cosine(*features),
        "probability_difference": worst,
        "score_differences": moved,
        "equal_decisions": equal_decisions(features, texts, manifest["logit_scale"]),
    }
    if any(base[p] is not other[p] for p in PARTS[1:]):
        out["text_cosine"] = _cosine(*(np.concatenate(t) for t in texts))
    return out


TENANT, TENANTS = 10, 40


def equal_decisions(features: list[np.ndarray], texts: list[tuple[np.ndarray, np.ndarray]], scale: float) -> float:
    """Share of images that are decided as before (in or out of distribution), by the rule that changes most.

    Mean over seeded tenants of ten of the classes: the rules are applied to tenants, and among many classes an image that fits none is
    similar to several. The likeliest class of a rejected image does not count as a decision.
    """
    count = len(texts[0][0])
    rules = ("reject_ctw", "reject_atd", "reject_atd_rescaled")
    shares = np.zeros(len(rules))
    for seed in range(TENANTS):
        kept = np.random.default_rng(seed).permutation(count)[:TENANT]
        a, b = (scores(f, yes[kept], no[kept], scale) for f, (yes, no) in zip(features, texts, strict=True))
        shares += [np.mean(a[r] == b[r]) for r in rules]
    return float(shares.min() / TENANTS)


def _classes(sessions: Sessions, names: tuple[str, ...], tokenizer: Tokenizer, manifest: dict) -> tuple[np.ndarray, np.ndarray]:
    templates = manifest["templates"]
    length = manifest["text"]["context_length"]

    def features(tower: str, lines: list[str]) -> np.ndarray:
        session = sessions[f"text-{tower}"]
        return class_features(lambda tokens: torch.from_numpy(run(session, tokens.numpy())), tokenizer, list(names), lines, length)

    return features("yes", templates["yes"]), features("no", templates["no"] or templates["yes"])


def _cosine(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    cosines = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return {"mean": float(cosines.mean()), "min": float(cosines.min())}
