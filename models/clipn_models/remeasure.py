"""Measures the lower precisions of a bundle again: the manifest's figures change, the graphs do not."""

from __future__ import annotations

from pathlib import Path

from . import tokenizer as bpe
from .bundle import PARTS, graph_files, load_manifest, save_manifest
from .quality import compare, open_graph, photographs


def remeasure(path: Path, samples: Path, threads: int = 0, log=print) -> dict:
    """Replaces ``quality`` of every precision of the bundle in ``path`` and returns the manifest.

    ``samples``: the photographs that the precisions were made with. Every other one was used for calibration; the rest are compared.
    Raises ValueError if the bundle has no lower precision, or if ``samples`` has no photographs.
    """
    manifest = load_manifest(path)
    if not manifest.get("precisions"):
        raise ValueError(f"{path}: has no lower precision to measure")
    inputs = photographs(samples, manifest["image"]["size"])
    tokenizer = bpe.load(path / "tokenizer.json")
    base = {part: open_graph(path / f"{part}.onnx", threads) for part in PARTS}
    for precision, entry in manifest["precisions"].items():
        files = graph_files(manifest, precision)
        lowered = base | {part: open_graph(path / files[part], threads) for part in entry["graphs"]}
        entry["quality"] = compare(base, lowered, inputs, tokenizer, manifest)
        moved = ", ".join(f"{name} {value:.2g}" for name, value in entry["quality"]["score_differences"].items())
        log(f"{precision}: {100 * entry['quality']['equal_decisions']:.1f} % equal decisions; scores move by at most {moved}")
    save_manifest(path, manifest)
    return manifest
