"""Checks of every graph of a bundle in every precision: contract, golden outputs, independence of the batch."""

from __future__ import annotations

import numpy as np
import onnxruntime

from .bundle import unpack

ARGUMENTS = {"image": ("pixels", "tensor(uint8)", 4), "text-yes": ("tokens", "tensor(int64)", 2), "text-no": ("tokens", "tensor(int64)", 2)}
INDIFFERENT = 1e-4
"""Largest difference of a feature between a row alone and the same row in a batch."""
UNIT = 1e-5
"""Largest distance of a feature from unit length."""
PADDING = 1e-6
"""The same for texts of the base precision: a bidirectional text tower that sees its padding differs by far more."""


def contract(part: str, session: onnxruntime.InferenceSession, size: int, width: int, patches: int | None = None) -> list[tuple[bool, str]]:
    """(holds, description) for inputs and outputs: names, types, shapes. ``patches``: how many features of patches an image has."""
    argument, kind, rank = ARGUMENTS[part]
    (given,), (out, *more) = session.get_inputs(), session.get_outputs()
    shape = len(given.shape) == rank and all(isinstance(given.shape[i], str) for i in ((0,) if rank == 4 else (0, 1)))
    shape = shape and (rank == 2 or list(given.shape[1:]) == [size, size, 3])
    return [
        (given.name == argument and given.type == kind and shape, f"takes {argument} {kind} {given.shape}"),
        (out.name == "features" and out.type == "tensor(float)" and out.shape[-1] == width, f"gives features [N, {width}]"),
        *_patches(more, width, patches if part == "image" else None),
    ]


def _patches(more: list, width: int, patches: int | None) -> list[tuple[bool, str]]:
    if patches is None:
        return [(False, f"gives {[o.name for o in more]} too")] if more else []
    fits = [o.name for o in more] == ["patches"] and more[0].type == "tensor(float)" and list(more[0].shape[1:]) == [patches, width]
    return [(fits, f"gives patches [N, {patches}, {width}]")]


def largest(values: np.ndarray) -> float:
    """Largest absolute value; infinite if a value is not a number."""
    worst = float(np.abs(values).max())
    return worst if np.isfinite(worst) else float("inf")


def golden_difference(part: str, session: onnxruntime.InferenceSession, golden: dict) -> float:
    """Largest absolute difference of a feature from PyTorch's; infinite if there is a NaN."""
    argument = ARGUMENTS[part][0]
    if part == "image":
        got, want = session.run(["features"], {argument: unpack(golden["image"]["pixels"])})[0], unpack(golden["image"]["features"])
    else:
        got = np.concatenate([session.run(["features"], {argument: np.array([row])})[0] for row in golden["text"]["tokens"]])
        want = unpack(golden["text"][part.removeprefix("text-")])
    return largest(got - want)


def company(part: str, session: onnxruntime.InferenceSession, golden: dict) -> float:
    """Largest difference of a feature between each golden row alone and all in one batch: a verdict must not depend on others.

    Texts are padded with zeros at their ends, to the longest.
    """
    argument = ARGUMENTS[part][0]
    if part == "image":
        rows = unpack(golden["image"]["pixels"])
        alone = [rows[i : i + 1] for i in range(len(rows))]
    else:
        texts = golden["text"]["tokens"]
        rows = np.array([t + [0] * (max(map(len, texts)) - len(t)) for t in texts])
        alone = [np.array([t]) for t in texts]
    together = session.run(["features"], {argument: rows})[0]
    each = np.concatenate([session.run(["features"], {argument: row})[0] for row in alone])
    return largest(together - each)


def length_error(part: str, session: onnxruntime.InferenceSession, golden: dict) -> float:
    """Largest distance of a golden input's feature from unit length; infinite if a value is not a number."""
    argument = ARGUMENTS[part][0]
    batches = [unpack(golden["image"]["pixels"])] if part == "image" else [np.array([row]) for row in golden["text"]["tokens"]]
    features = np.concatenate([session.run(["features"], {argument: batch})[0] for batch in batches])
    return unit_error(features)


def unit_error(features: np.ndarray) -> float:
    """Largest distance of the rows [N, D] from unit length."""
    return largest(np.linalg.norm(features, axis=-1) - 1)
