"""Verifies that a bundle is complete and that its graphs have the outputs of PyTorch with the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from onnxruntime import InferenceSession

from . import tokenizer as bpe
from .bundle import FILES, PARTS, PRECISIONS, TorchBundle, graph_file, load_manifest, sha256
from .checks import INDIFFERENT, PADDING, UNIT, company, contract, golden_difference, largest, length_error, unit_error
from .sessions import open_session
from .shared_weights import WEIGHTS, foreign_file


class Faults(ValueError):
    """All faults of a bundle together."""


class Report:
    """Logs each check of a bundle, and collects its faults."""

    def __init__(self, log):
        self.log = log
        self.faults: list[str] = []

    def check(self, ok: bool, what: str) -> None:
        self.log(f"{'ok   ' if ok else 'FAULT'} {what}")
        if not ok:
            self.faults.append(what)

    def settle(self) -> None:
        """Raises Faults if there are any so far."""
        if self.faults:
            raise Faults("; ".join(self.faults))


def verify(path: Path, log=print) -> None:
    """Checksums, graph contracts, golden file, PyTorch at several batch sizes and text lengths; every extra precision too. Raises Faults."""
    report = Report(log)
    manifest = load_manifest(path)
    extra = manifest.get("precisions", {})
    for precision, entry in extra.items():
        if precision not in PRECISIONS or not set(entry["graphs"]) <= set(PARTS):
            raise Faults(f"the manifest names a precision {precision} of {entry['graphs']}: known are {PRECISIONS} of {PARTS}")
    lower = [(graph_file(part, precision), part, precision) for precision in extra for part in extra[precision]["graphs"]]
    check_files(path, manifest, [name for name, _, _ in lower], report)
    report.settle()

    golden = json.loads((path / "golden.json").read_text())
    sessions = {}
    for part in PARTS:
        sessions[part] = opened(path / f"{part}.onnx", part, manifest, report)
    bundle = TorchBundle(path)
    check_golden(bundle, sessions, golden, report)
    rng = np.random.default_rng(1)
    check_images(bundle, sessions["image"], golden["tolerance"], rng, report)
    check_texts(bundle, sessions, golden["tolerance"], rng, report)
    for name, part, precision in lower:
        check_lower(opened(path / name, part, manifest, report), name, part, golden, extra[precision]["tolerance"], report)
    report.settle()


def check_files(path: Path, manifest: dict, lower: list[str], report: Report) -> None:
    """Every file has its checksum and size, and no graph names a file that is not of the bundle. ``lower``: the graphs of extra precisions."""
    listed = WEIGHTS in manifest["files"]
    for name in (*FILES, *([WEIGHTS] if listed else []), *lower):
        entry = manifest["files"].get(name)
        there = (path / name).exists()
        same = there and entry is not None and sha256(path / name) == entry["sha256"] and (path / name).stat().st_size == entry["bytes"]
        report.check(same, f"{name}: checksum and size")
    if report.faults:
        return
    for name in (*(f"{part}.onnx" for part in PARTS), *lower):
        foreign = foreign_file(path / name, listed)
        report.check(foreign is None, f"{name}: {foreign or 'names no file that is not of the bundle'}")


def opened(file: Path, part: str, manifest: dict, report: Report) -> InferenceSession:
    """A session of the graph, whose inputs and outputs are checked."""
    session = open_session(file)
    image = manifest["image"]
    for holds, what in contract(part, session, image["size"], manifest["embedding_dim"], image.get("patches")):
        report.check(holds, f"{file.name}: {what}")
    return session


def check_golden(bundle: TorchBundle, sessions: dict[str, InferenceSession], golden: dict, report: Report) -> None:
    """The graphs of the base precision against the golden file, texts also alone and in company."""
    tolerance = golden["tolerance"]
    worst = golden_difference("image", sessions["image"], golden)
    report.check(worst <= tolerance, f"golden images: largest difference {worst:.1e}")
    rows = [bpe.encode(bundle.tokenizer, [t], bundle.context_length)[0].tolist() for t in golden["text"]["texts"]]
    report.check(rows == golden["text"]["tokens"], "golden texts: token ids")
    for tower in ("yes", "no"):
        part = f"text-{tower}"
        worst, length, moved = (f(part, sessions[part], golden) for f in (golden_difference, length_error, company))
        report.check(worst <= tolerance, f"golden texts, {tower}: largest difference {worst:.1e}")
        report.check(length <= UNIT, f"golden texts, {tower}: length off by {length:.1e}")
        report.check(moved <= PADDING, f"golden texts, {tower}: alone and padded to the longest, largest difference {moved:.1e}")


def check_images(bundle: TorchBundle, session: InferenceSession, tolerance: float, rng: np.random.Generator, report: Report) -> None:
    """Random images against PyTorch, at several batch sizes; features of patches too."""
    image = bundle.manifest["image"]
    size = image["size"]
    worst, length = 0.0, 0.0
    for n in (1, 2, 7):
        pixels = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        got = session.run(["features"], {"pixels": pixels})[0]
        worst = max(worst, largest(got - bundle.image(pixels)))
        length = max(length, unit_error(got))
    report.check(worst <= tolerance and length <= UNIT, f"images against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")
    if image.get("patches") is not None:
        got = session.run(["patches"], {"pixels": pixels})[0]
        worst, length = largest(got - bundle.patches(pixels)), unit_error(got)
        report.check(worst <= tolerance and length <= UNIT, f"patches against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")


def check_texts(bundle: TorchBundle, sessions: dict[str, InferenceSession], tolerance: float, rng: np.random.Generator, report: Report) -> None:
    """Random tokens against PyTorch, at several batch sizes and lengths."""
    end = bundle.vocabulary_size - 1
    for tower in ("yes", "no"):
        part = f"text-{tower}"
        worst, length = 0.0, 0.0
        for n, t in ((1, 3), (3, 8), (2, bundle.context_length)):
            tokens = rng.integers(1, end, (n, t))
            tokens[:, -1] = end
            with torch.no_grad():
                want = bundle.parts[part](torch.from_numpy(tokens)).numpy()
            got = sessions[part].run(["features"], {"tokens": tokens})[0]
            worst, length = max(worst, largest(got - want)), max(length, unit_error(got))
        report.check(worst <= tolerance and length <= UNIT, f"{tower} texts against PyTorch: largest difference {worst:.1e}, length off by {length:.1e}")


def check_lower(session: InferenceSession, name: str, part: str, golden: dict, allowed: float, report: Report) -> None:
    """A graph of an extra precision against the golden file, within the tolerance ``allowed`` of that precision."""
    worst, moved, length = (f(part, session, golden) for f in (golden_difference, company, length_error))
    report.check(worst <= allowed, f"{name}: golden, largest difference {worst:.1e} of {allowed:.1e}")
    report.check(moved <= INDIFFERENT and length <= UNIT, f"{name}: alone and in a batch, largest difference {moved:.1e}, length off by {length:.1e}")
