"""Finds how the image graph of each precision is fastest on a CPU: how many sessions beside each other, and how many images in one run."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from .bundle import graph_files, load_manifest, save_manifest
from .quality import open_graph
from .timing import interleaved, median

BATCHES = (1, 2, 4)
SAME = 1.03
"""A lane for each core is preferred to one session with all threads while it is at most this much slower, because other work slows it less. A smaller
batch is preferred to a larger one in the same way: it delays the other images less. The service's own measurement has the same rule."""


def fastest(rates: dict[tuple[int, int], float]) -> tuple[int, int]:
    """(lanes, batch) of the highest rates: the most lanes that are hardly slower than others, and then the smallest batch that is."""
    best = {lanes: max(rate for (n, _), rate in rates.items() if n == lanes) for lanes, _ in rates}
    lanes = max(n for n, rate in best.items() if SAME * rate >= max(best.values()))
    return lanes, min(batch for (n, batch), rate in rates.items() if n == lanes and SAME * rate >= best[lanes])


def measure(graph: Path, size: int, cores: int, rounds: int) -> dict:
    """The manifest's entry of one graph. ``lanes``: single-threaded sessions, one for each core, or 1 session with all threads."""
    setups = {1: [open_graph(graph, cores)]}
    if cores > 1:
        setups[cores] = [open_graph(graph, 1) for _ in range(cores)]
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (max(BATCHES), size, size, 3), dtype=np.uint8)
    with ThreadPoolExecutor(cores) as pool:

        def task(lanes: int, batch: int):
            rows = pixels[:batch]

            def run() -> None:
                # as many images for every setup: the runs of one lane follow each other
                times = max(BATCHES) * cores // (lanes * batch)
                work = lambda session: [session.run(["features"], {"pixels": rows}) for _ in range(times)]  # noqa: E731
                list(pool.map(work, setups[lanes]))

            return run

        tasks = {f"{lanes} {batch}": task(lanes, batch) for lanes in setups for batch in BATCHES}
        seconds = interleaved(tasks, rounds)
    images = max(BATCHES) * cores
    rates = {tuple(int(n) for n in name.split()): images / median(times) for name, times in seconds.items()}
    lanes, batch = fastest(rates)
    return {"cores": cores, "lanes": lanes, "batch": batch, "images_per_second": round(rates[lanes, batch], 1)}


def measure_lanes(path: Path, threads: int = 0, rounds: int = 15, log=print) -> dict:
    """Writes ``speed`` of every precision that a CPU may run into the manifest of the bundle in ``path``, and returns the manifest."""
    manifest = load_manifest(path)
    cores = threads or len(os.sched_getaffinity(0))
    manifest["speed"] = {}
    for precision in (manifest["precision"], *manifest.get("precisions", {})):
        if precision == "fp16":
            continue  # for GPUs
        graph = path / graph_files(manifest, precision)["image"]
        entry = measure(graph, manifest["image"]["size"], cores, rounds)
        manifest["speed"][precision] = entry
        log(f"{precision}: {entry['lanes']} lanes on {cores} cores with up to {entry['batch']} images each, {entry['images_per_second']} images/s")
    save_manifest(path, manifest)
    return manifest
