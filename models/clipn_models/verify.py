"""Verifies that a bundle is complete and that its graphs have the outputs of PyTorch with the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from . import tokenizer as bpe
from .bundle import FILES, PARTS, PRECISIONS, TorchBundle, graph_file, load_manifest, sha256
from .checks import ARGUMENTS, INDIFFERENT, PADDING, UNIT, company, contract, golden_difference, largest, length_error, unit_error
from .sessions import open_session
from .shared_weights import WEIGHTS, foreign_file


class Faults(ValueError):
    """All faults of a bundle together."""


def verify(path: Path, log=print) -> None:
    """Checksums, graph contracts, golden file, PyTorch at several batch sizes and text lengths; every extra precision too. Raises Faults."""
    faults: list[str] = []

    def check(ok: bool, what: str) -> None:
        log(f"{'ok   ' if ok else 'FAULT'} {what}")
        if not ok:
            faults.append(what)

    manifest = load_manifest(path)
    extra = manifest.get("precisions", {})
    for precision, entry in extra.items():
        if precision not in PRECISIONS or not set(entry["graphs"]) <= set(PARTS):
            raise Faults(f"the manifest names a precision {precision} of {entry['graphs']}: known are {PRECISIONS} of {PARTS}")
    lower = [(graph_file(part, precision), part, precision) for precision in extra for part in extra[precision]["graphs"]]
    listed = WEIGHTS in manifest["files"]
    for name in (*FILES, *([WEIGHTS] if listed else []), *(name for name, _, _ in lower)):
        entry = manifest["files"].get(name)
        there = (path / name).exists()
        same = there and entry is not None and sha256(path / name) == entry["sha256"] and (path / name).stat().st_size == entry["bytes"]
        check(same, f"{name}: checksum and size")
    if not faults:
        for name in (*(f"{part}.onnx" for part in PARTS), *(name for name, _, _ in lower)):
            foreign = foreign_file(path / name, listed)
            check(foreign is None, f"{name}: {foreign or 'names no file that is not of the bundle'}")
    if faults:
        raise Faults("; ".join(faults))

    width, size, patches = manifest["embedding_dim"], manifest["image"]["size"], manifest["image"].get("patches")
    golden = json.loads((path / "golden.json").read_text())
    tolerance = golden["tolerance"]
    sessions = {}
    for part in PARTS:
        sessions[part] = session = open_session(path / f"{part}.onnx")
        for holds, what in contract(part, session, size, width, patches):
            check(holds, f"{part}.onnx: {what}")

    def run(part: str, value: np.ndarray) -> np.ndarray:
        return sessions[part].run(["features"], {ARGUMENTS[part][0]: value})[0]

    worst = golden_difference("image", sessions["image"], golden)
    check(worst <= tolerance, f"golden images: largest difference {worst:.1e}")
    bundle = TorchBundle(path)
    rows = [bpe.encode(bundle.tokenizer, [t], bundle.context_length)[0].tolist() for t in golden["text"]["texts"]]
    check(rows == golden["text"]["tokens"], "golden texts: token ids")
    for tower in ("yes", "no"):
        worst = golden_difference(f"text-{tower}", sessions[f"text-{tower}"], golden)
        check(worst <= tolerance, f"golden texts, {tower}: largest difference {worst:.1e}")
        length = length_error(f"text-{tower}", sessions[f"text-{tower}"], golden)
        check(length <= UNIT, f"golden texts, {tower}: length off by {length:.1e}")
        moved = company(f"text-{tower}", sessions[f"text-{tower}"], golden)
        check(moved <= PADDING, f"golden texts, {tower}: alone and padded to the longest, largest difference {moved:.1e}")

    rng = np.random.default_rng(1)
    worst, length = 0.0, 0.0
    for n in (1, 2, 7):
        pixels = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        got = run("image", pixels)
        worst = max(worst, largest(got - bundle.image(pixels)))
        length = max(length, unit_error(got))
    check(worst <= tolerance and length <= UNIT, f"images against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")
    if patches is not None:
        got = sessions["image"].run(["patches"], {"pixels": pixels})[0]
        worst, length = largest(got - bundle.patches(pixels)), unit_error(got)
        check(worst <= tolerance and length <= UNIT, f"patches against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")
    end = bundle.vocabulary_size - 1
    for tower in ("yes", "no"):
        worst, length = 0.0, 0.0
        for n, t in ((1, 3), (3, 8), (2, bundle.context_length)):
            tokens = rng.integers(1, end, (n, t))
            tokens[:, -1] = end
            with torch.no_grad():
                want = bundle.parts[f"text-{tower}"](torch.from_numpy(tokens)).numpy()
            got = run(f"text-{tower}", tokens)
            worst, length = max(worst, largest(got - want)), max(length, unit_error(got))
        check(worst <= tolerance and length <= UNIT, f"{tower} texts against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")

    for name, part, precision in lower:
        session = open_session(path / name)
        for holds, what in contract(part, session, size, width, patches):
            check(holds, f"{name}: {what}")
        allowed = extra[precision]["tolerance"]
        worst, moved, length = (f(part, session, golden) for f in (golden_difference, company, length_error))
        check(worst <= allowed, f"{name}: golden, largest difference {worst:.1e} of {allowed:.1e}")
        check(moved <= INDIFFERENT and length <= UNIT, f"{name}: alone and in a batch, largest difference {moved:.1e}, length off by {length:.1e}")
    if faults:
        raise Faults("; ".join(faults))
