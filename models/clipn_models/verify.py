"""Proves that a bundle is whole and that its graphs compute what PyTorch computes from the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch

from . import tokenizer as bpe
from .bundle import FILES, TorchBundle, load_manifest, sha256, unpack

CONTRACTS = {
    "image.onnx": ("pixels", "tensor(uint8)", 4),
    "text-yes.onnx": ("tokens", "tensor(int64)", 2),
    "text-no.onnx": ("tokens", "tensor(int64)", 2),
}


class Faults(ValueError):
    """Everything that is wrong with a bundle, at once."""


def verify(path: Path, log=print) -> None:
    """Checksums, graph contracts, golden file, PyTorch at several batch sizes and text lengths. Raises Faults."""
    faults: list[str] = []

    def check(ok: bool, what: str) -> None:
        log(f"{'ok   ' if ok else 'FAULT'} {what}")
        if not ok:
            faults.append(what)

    manifest = load_manifest(path)
    for name in FILES:
        entry = manifest["files"].get(name)
        there = (path / name).exists()
        same = there and entry is not None and sha256(path / name) == entry["sha256"] and (path / name).stat().st_size == entry["bytes"]
        check(same, f"{name}: checksum and size")
    if faults:
        raise Faults("; ".join(faults))

    sessions = {}
    width, size = manifest["embedding_dim"], manifest["image"]["size"]
    for name, (argument, kind, rank) in CONTRACTS.items():
        session = onnxruntime.InferenceSession(str(path / name), providers=["CPUExecutionProvider"])
        sessions[name.removesuffix(".onnx")] = session
        (given,), (out,) = session.get_inputs(), session.get_outputs()
        shape_ok = len(given.shape) == rank and all(isinstance(given.shape[i], str) for i in ((0,) if rank == 4 else (0, 1)))
        shape_ok = shape_ok and (rank == 2 or list(given.shape[1:]) == [size, size, 3])
        check(given.name == argument and given.type == kind and shape_ok, f"{name}: takes {argument} {kind} {given.shape}")
        check(out.name == "features" and out.type == "tensor(float)" and out.shape[-1] == width, f"{name}: gives features [N, {width}]")

    def run(part: str, value: np.ndarray) -> np.ndarray:
        return sessions[part].run(["features"], {CONTRACTS[part + ".onnx"][0]: value})[0]

    import json

    golden = json.loads((path / "golden.json").read_text())
    tolerance = golden["tolerance"]
    worst = float(np.abs(run("image", unpack(golden["image"]["pixels"])) - unpack(golden["image"]["features"])).max())
    check(worst <= tolerance, f"golden images: largest difference {worst:.1e}")
    bundle = TorchBundle(path)
    rows = [bpe.encode(bundle.tokenizer, [t], bundle.context_length)[0].tolist() for t in golden["text"]["texts"]]
    check(rows == golden["text"]["tokens"], "golden texts: token ids")
    for tower in ("yes", "no"):
        got = np.concatenate([run(f"text-{tower}", np.array([row])) for row in rows])
        worst = float(np.abs(got - unpack(golden["text"][tower])).max())
        check(worst <= tolerance, f"golden texts, {tower}: largest difference {worst:.1e}")

    rng = np.random.default_rng(1)
    worst, length = 0.0, 0.0
    for n in (1, 2, 7):
        pixels = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        got = run("image", pixels)
        worst = max(worst, float(np.abs(got - bundle.image(pixels)).max()))
        length = max(length, float(np.abs(np.linalg.norm(got, axis=-1) - 1).max()))
    check(worst <= tolerance and length <= 1e-5, f"images against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")
    end = bundle.parts["text-yes"].embedding.num_embeddings - 1
    for tower in ("yes", "no"):
        worst = 0.0
        for n, t in ((1, 3), (3, 8), (2, bundle.context_length)):
            tokens = rng.integers(1, end, (n, t))
            tokens[:, -1] = end
            with torch.no_grad():
                want = bundle.parts[f"text-{tower}"](torch.from_numpy(tokens)).numpy()
            worst = max(worst, float(np.abs(run(f"text-{tower}", tokens) - want).max()))
        check(worst <= tolerance, f"{tower} texts against PyTorch: largest difference {worst:.1e}")
    if faults:
        raise Faults("; ".join(faults))
