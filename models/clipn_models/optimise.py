"""Makes a bundle fast: fused fp32 graphs, fp16 for GPUs, int8 for CPUs. Everything is verified and measured before it is kept.

The fused form (``fuse``) replaces the plain graphs if it is not slower and gives the same numbers. A precision (``lower``) is added to
them, with the tolerance of its golden check and its cost in quality (``quality``), or refused with the reason.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from . import lower
from . import tokenizer as bpe
from .bundle import PARTS, PRECISIONS, TOLERANCE, TorchBundle, file_entry, graph_file, load_manifest, save_manifest
from .checks import INDIFFERENT, company, contract, golden_difference, length_error
from .fuse import fuse
from .graphs import export
from .quality import BATCH, Inputs, Sessions, compare, gpu, made, open_graph, photographs, run
from .shared_weights import WEIGHTS, share
from .timing import gain, interleaved, tasks

SAME = 1e-5
"""Largest difference of a feature between the plain and the fused graph, both fp32."""
SLOWER = 0.98
"""A fused graph with this share of the plain one's speed counts as no slower: two runs of one graph differ by as much."""
MARGIN = 3
"""The golden tolerance of a precision is this many times the difference measured when it was made, in addition to the tolerance of fp32."""
LARGEST_TOLERANCE = 0.1
"""No precision may be further than this from PyTorch in any feature of unit length, margin included."""
WORST = {"mean_cosine": 0.99, "min_cosine": 0.95, "equal_decisions": 0.9}
"""A precision below any of these is not worth offering. The service requires more before it selects one automatically."""
MIN_GAIN = 1.2
"""How much faster than fp32 an int8 image graph must be to be offered."""


@dataclass
class Settings:
    """``text``: lower the text towers too. ``threads`` of a session, 0 for all cores. ``rounds`` of each timing."""

    precisions: tuple[str, ...] = PRECISIONS
    samples: Path | None = None
    text: bool = False
    min_gain: float = MIN_GAIN
    threads: int = 0
    rounds: int = 7


@dataclass
class _Work:
    """State of the steps: the original bundle, its fp32 sessions, and the files made so far (file name -> bytes)."""

    path: Path
    manifest: dict
    settings: Settings
    inputs: Inputs
    golden: dict
    log: object
    base: Sessions = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def open(self, graph: bytes | Path):
        return open_graph(graph, self.settings.threads)

    def graph(self, part: str) -> Path | bytes:
        """The final fp32 graph: fused, if the fused graph was better."""
        return self.files.get(f"{part}.onnx", self.path / f"{part}.onnx")

    def rows(self, part: str) -> np.ndarray:
        """Inputs of the size that is timed: a batch of images, or of texts with the length of prompts."""
        if part == "image":
            return np.resize(self.inputs.pixels, (BATCH, *self.inputs.pixels.shape[1:]))
        tok = bpe.load(self.path / "tokenizer.json")
        lines = [f"a photo of a {name}." for name in self.inputs.classes]
        tokens = bpe.encode(tok, lines, self.manifest["text"]["context_length"]).numpy()
        return np.resize(tokens, (4 * BATCH, tokens.shape[1]))


def optimise(path: Path, settings: Settings | None = None, log=print) -> dict:
    """Optimises the bundle in ``path`` and returns its new manifest. Files change at the end, all at once.

    Raises ValueError if ``samples`` has no photographs, or if a precision is unknown.
    """
    settings = settings or Settings()
    unknown = set(settings.precisions) - set(PRECISIONS)
    if unknown:
        raise ValueError(f"unknown precision {', '.join(sorted(unknown))}: there are {', '.join(PRECISIONS)}")
    manifest = load_manifest(path)
    size = manifest["image"]["size"]
    inputs = photographs(settings.samples, size) if settings.samples else made(size)
    work = _Work(path, manifest, settings, inputs, json.loads((path / "golden.json").read_text()), log)
    _fuse_all(work)
    work.base = {part: work.open(work.graph(part)) for part in PARTS}
    entries = {}
    for precision in settings.precisions:
        try:
            entries[precision] = _fp16(work) if precision == "fp16" else _int8(work)
        except lower.Refused as reason:
            log(f"{precision}: not offered: {reason}")
    return _write(work, entries)


def _fuse_all(work: _Work) -> None:
    bundle = TorchBundle(work.path)
    for part in PARTS:
        fused = fuse(bundle.parts[part])
        plain = work.path / f"{part}.onnx"
        if fused is None or any(n.domain == "com.microsoft" for n in onnx.load(plain).graph.node):
            work.log(f"{part}: {'nothing to fuse' if fused is None else 'is fused'}")
            continue
        stored = onnx.load(plain).graph.initializer
        storage = "half" if any(t.name.endswith(".half") for t in stored) else "single"
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / plain.name
            export(part, fused, out, work.manifest["image"]["size"], storage)
            graph = out.read_bytes()
        sessions = {"plain": work.open(plain), "fused": work.open(graph)}
        rows = work.rows(part)
        outputs = [o.name for o in sessions["plain"].get_outputs()]
        difference = max(float(np.abs(run(sessions["fused"], rows, name) - run(sessions["plain"], rows, name)).max()) for name in outputs)
        seconds = interleaved(tasks(sessions, rows), work.settings.rounds)
        speed = gain(seconds, "fused", "plain")
        faults = _faults(work, part, sessions["fused"], TOLERANCE)
        keep = speed >= SLOWER and difference <= SAME and not faults
        work.log(f"{part}: fused, {speed:.2f} times the plain graph's speed, largest difference {difference:.1e}: {'kept' if keep else 'not kept'}")
        if keep:
            work.files[plain.name] = graph


def _faults(work: _Work, part: str, session, tolerance: float) -> list[str]:
    """Requirements that a made graph does not fulfil."""
    image = work.manifest["image"]
    faults = [f"not so: {what}" for holds, what in contract(part, session, image["size"], work.manifest["embedding_dim"], image.get("patches")) if not holds]
    if not faults:
        worst, moved, length = (f(part, session, work.golden) for f in (golden_difference, company, length_error))
        if not worst <= tolerance:
            faults.append(f"golden inputs differ by {worst:.1e}, {tolerance:.1e} is the most")
        if not moved <= INDIFFERENT:
            faults.append(f"its answers depend on what else is in the batch: features move by {moved:.1e}")
        if not length <= 1e-5:
            faults.append(f"features are off unit length by {length:.1e}")
    return [f"{part}: {f}" for f in faults]


def _parts(work: _Work) -> tuple[str, ...]:
    return PARTS if work.settings.text else ("image",)


def _single(work: _Work, part: str) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        graph = work.graph(part)
        if isinstance(graph, bytes):
            (Path(folder) / "graph.onnx").write_bytes(graph)
            graph = Path(folder) / "graph.onnx"
        return lower.single(graph)


def _fp16(work: _Work) -> dict:
    """Checked and timed on a GPU if there is one. On a CPU the outputs are right, but the speed is not representative."""
    device = "cuda" if gpu() else "cpu"
    graphs = {part: lower.half(_single(work, part)).SerializeToString() for part in _parts(work)}
    sessions = {part: open_graph(graph, work.settings.threads, device) for part, graph in graphs.items()}
    entry = _entry(work, sessions)
    if device == "cuda":
        entry["gain"] = _gain(work, open_graph(work.graph("image"), work.settings.threads, device), sessions["image"])
    _report(work, "fp16", entry)
    work.files |= {graph_file(p, "fp16"): g for p, g in graphs.items()}
    return entry


def _gain(work: _Work, base, lowered) -> float:
    """How many times faster the lowered image graph is."""
    seconds = interleaved(tasks({"base": base, "lowered": lowered}, work.rows("image")), work.settings.rounds)
    return round(gain(seconds, "lowered", "base"), 2)


def _int8(work: _Work) -> dict:
    """Measures both methods and returns the better one of those that are accurate and fast enough."""
    candidates = {}
    for method in ("rows", "static"):
        try:
            graphs = _int8_graphs(work, method)
            sessions = {p: work.open(g) for p, g in graphs.items()}
            entry = _entry(work, sessions)
            entry |= {"method": method, "gain": _gain(work, work.base["image"], sessions["image"])}
            _report(work, f"int8 ({method})", entry)
            if entry["gain"] < work.settings.min_gain:
                raise lower.Refused(f"{entry['gain']} times the speed of fp32, at least {work.settings.min_gain} is required")
            candidates[method] = entry, graphs
        except lower.Refused as reason:
            work.log(f"int8 ({method}): {reason}")
    if not candidates:
        raise lower.Refused("neither method is fast and accurate enough")
    entry, graphs = max(candidates.values(), key=lambda c: _merit(c[0]))
    work.log(f"int8: {entry['method']} is kept")
    work.files |= {graph_file(p, "int8"): g for p, g in graphs.items()}
    return entry


def _merit(entry: dict) -> float:
    """Speed gained for each unit of error: half the error counts as much as twice the speed."""
    error = 1 - entry["quality"]["image_cosine"]["mean"]
    return entry["gain"] / max(error, 1e-6)


def _int8_graphs(work: _Work, method: str) -> dict[str, bytes]:
    """The image graph by ``method``; texts, if they are lowered, always have a scale per row, because they are too short for calibration."""
    out = {}
    for part in _parts(work):
        plain = _single(work, part)
        if part != "image" or method == "rows":
            graph = lower.rows(plain)
        elif work.inputs.real:
            pixels = work.inputs.halves[0]
            graph = lower.static(plain, [pixels[i : i + BATCH] for i in range(0, len(pixels), BATCH)])
        else:
            raise lower.Refused("fixed scales need photographs to calibrate on (--samples)")
        out[part] = graph.SerializeToString()
    return out


def _entry(work: _Work, sessions: Sessions) -> dict:
    """The manifest's entry of a precision. Raises lower.Refused if a graph fails its checks or costs too much."""
    worst = max(golden_difference(part, s, work.golden) for part, s in sessions.items())
    tolerance = float(f"{TOLERANCE + MARGIN * worst:.1e}") if np.isfinite(worst) else np.inf
    faults = [f for part, s in sessions.items() for f in _faults(work, part, s, tolerance)]
    if not tolerance <= LARGEST_TOLERANCE:
        faults.append(f"golden inputs would need a tolerance of {tolerance:.1e}, {LARGEST_TOLERANCE} is the most")
    if faults:
        raise lower.Refused("; ".join(faults))
    tok = bpe.load(work.path / "tokenizer.json")
    quality = compare(work.base, work.base | sessions, work.inputs, tok, work.manifest)
    cosines = [quality[k] for k in ("image_cosine", "text_cosine") if k in quality]
    low = [
        f"{name} {value:.4f} < {WORST[name]}"
        for name, value in (
            ("mean_cosine", min(c["mean"] for c in cosines)),
            ("min_cosine", min(c["min"] for c in cosines)),
            ("equal_decisions", quality["equal_decisions"]),
        )
        if value < WORST[name]
    ]
    if low:
        raise lower.Refused("costs too much: " + ", ".join(low))
    return {"graphs": list(sessions), "tolerance": tolerance, "quality": quality}


def _report(work: _Work, what: str, entry: dict) -> None:
    q = entry["quality"]
    speed = f"{entry['gain']:.2f} times the speed of fp32, " if "gain" in entry else ""
    work.log(
        f"{what}: {speed}cosine {q['image_cosine']['mean']:.6f} (least {q['image_cosine']['min']:.6f}), "
        f"probabilities differ by {q['probability_difference']:.1e} at most, "
        f"{100 * q['equal_decisions']:.1f} % of {q['images']} decisions equal ({q['inputs']}, {q['classes']} classes)"
    )


def _share_again(path: Path, manifest: dict) -> None:
    """Writes the weights that both text graphs share into one file."""
    (path / WEIGHTS).unlink()
    names = ["text-yes.onnx", "text-no.onnx", *([WEIGHTS] if share(path) > 0 else [])]
    del manifest["files"][WEIGHTS]
    manifest["files"] |= {name: file_entry(path / name) for name in names}


def _write(work: _Work, entries: dict[str, dict]) -> dict:
    """Puts the made files into the bundle and the manifest last; requested precisions that were refused are removed."""
    manifest, path = work.manifest, work.path
    kept = {k: v for k, v in manifest.get("precisions", {}).items() if k not in work.settings.precisions}
    for precision in manifest.get("precisions", {}).keys() - kept.keys():
        for part in manifest["precisions"][precision]["graphs"]:
            manifest["files"].pop(graph_file(part, precision), None)
            (path / graph_file(part, precision)).unlink(missing_ok=True)
    for name, data in work.files.items():
        temporary = path / f"{name}.tmp"
        temporary.write_bytes(data)
        temporary.rename(path / name)
        manifest["files"][name] = file_entry(path / name)
    if WEIGHTS in manifest["files"] and any(name in work.files for name in ("text-yes.onnx", "text-no.onnx")):
        _share_again(path, manifest)
    manifest["precisions"] = kept | entries
    if not manifest["precisions"]:
        del manifest["precisions"]
    save_manifest(path, manifest)
    return manifest
