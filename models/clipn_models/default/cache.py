"""Pooled features of photographs, computed once: the backbone is frozen, so it runs once per photograph and view.

A task is a file of float16 [n, 1280] with the rows that it was made for. Several processes share the tasks. A task whose file exists is
skipped, so an interrupted run continues.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import augment

CHUNK = 500
BATCH = 20


@dataclass(frozen=True)
class Task:
    """``view``: "random" (an augmented random crop), "thumbnail" (a random crop of a small JPEG), or a treatment of ``TREATMENTS``: "centre" is the
    service's transform alone."""

    out: Path
    paths: tuple[Path, ...]
    view: str
    size: int
    seed: int


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: augment.compressed(image, quality)


def _small(side: int) -> Callable[[Image.Image], Image.Image]:
    return lambda image: augment.thumbnail(image, side)


TREATMENTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "centre": lambda image: image,
    "thumb64": _small(64),
    "thumb128": _small(128),
    "thumb256": _small(256),
    "jpeg50": _jpeg(50),
    "jpeg90": _jpeg(90),
    "thumb64jpeg": lambda image: augment.compressed(augment.thumbnail(image, 64), 75),
}


def pixels(task: Task) -> Iterator[np.ndarray]:
    """uint8 [S, S, 3] of every photograph of the task."""
    for number, path in enumerate(task.paths):
        image = augment.open_photo(path)
        if task.view == "random":
            rng = np.random.default_rng([task.seed, number])
            image = augment.random_view(augment.worn(image, rng), task.size, rng)
        elif task.view == "thumbnail":
            rng = np.random.default_rng([task.seed, number, 12])
            image = augment.random_view(augment.small_jpeg(image, rng), task.size, rng)
        else:
            image = augment.centre(TREATMENTS[task.view](image), task.size)
        yield np.asarray(image)


def run(task: Task, graph: str) -> Path:
    """Computes one task. ``graph`` is an ONNX file: ``x`` float32 [N, 3, S, S] -> ``pooled`` [N, 1280]."""
    if not task.out.exists():
        compute(pixels(task), task.out, graph)
    return task.out


def compute(images: Iterator[np.ndarray], out: Path, graph: str) -> None:
    session, rows, batch = _session(graph), [], []

    def flush() -> None:
        x = np.stack(batch).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        rows.append(session.run(None, {"x": x})[0].astype(np.float16))
        batch.clear()

    for image in images:
        batch.append(image)
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, np.concatenate(rows))
    part.replace(out)


_sessions: dict = {}


def _session(graph: str):
    import onnxruntime

    if graph not in _sessions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        _sessions[graph] = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return _sessions[graph]


def compute_all(tasks: list[Task], graph: Path, workers: int, log: Callable[[str], None] = print) -> None:
    left = [t for t in tasks if not t.out.exists()]
    log(f"features: {len(tasks) - len(left)} of {len(tasks)} parts are there already")
    with ProcessPoolExecutor(workers) as pool:
        for done, path in enumerate(pool.map(run, left, [str(graph)] * len(left)), 1):
            log(f"{done}/{len(left)} {path.name}")


def tasks_of(name: str, paths: list[Path], view: str, size: int, folder: Path, seed: int) -> list[Task]:
    """The photographs of a set in parts of ``CHUNK``."""
    return [
        Task(folder / f"{name}.{view}.{seed}.{part:03d}.npy", tuple(paths[at : at + CHUNK]), view, size, seed * 1000 + part)
        for part, at in enumerate(range(0, len(paths), CHUNK))
    ]


def read(tasks: list[Task]) -> np.ndarray:
    """float16 [N, 1280] of tasks that are computed."""
    return np.concatenate([np.load(t.out) for t in tasks])
