"""Soft labels from an ImageNet-1K classifier, computed once and kept on disk.

A from-scratch model learns faster from a teacher's 1,001 graded answers than from one label. The teacher sees
exactly the crop that the student will see (consistent teaching), so crops are drawn here, a few per image, and
training picks among them. Only the student's weights are ever shipped.

Needs the optional packages ``ai-edge-litert`` and ``opencv-python-headless`` and a quantised MobileNetV2 .tflite file.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

LOGITS_TENSOR = "SpatialSqueeze"
_state: dict = {}


def crop_boxes(count: int, views: int, seed: int, scale: tuple[float, float] = (0.35, 1.0)) -> np.ndarray:
    """Random crops as fractions of the image: float32 [count, views, 5] = (x0, y0, width, height, flip).

    Area in ``scale`` of the whole, aspect ratio in [3/4, 4/3] log-uniform, as in Inception-style training.
    """
    rng = np.random.default_rng(seed)
    area = rng.uniform(*scale, (count, views))
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), (count, views)))
    w = np.minimum(np.sqrt(area * ratio), 1.0)
    h = np.minimum(np.sqrt(area / ratio), 1.0)
    x = rng.uniform(0, 1, (count, views)) * (1 - w)
    y = rng.uniform(0, 1, (count, views)) * (1 - h)
    flip = rng.integers(0, 2, (count, views))
    return np.stack([x, y, w, h, flip], axis=-1).astype(np.float32)


def _open(model: str, pixels: str) -> None:
    import warnings

    from ai_edge_litert.interpreter import Interpreter

    warnings.filterwarnings("ignore")
    interpreter = Interpreter(model, num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    logits = next(d for d in interpreter.get_tensor_details() if LOGITS_TENSOR in d["name"] and d["dtype"] == np.int8)
    _state.update(interpreter=interpreter, input=interpreter.get_input_details()[0]["index"], logits=logits, pixels=np.load(pixels, mmap_mode="r"))


def _label(job: tuple[int, np.ndarray]) -> np.ndarray:
    import cv2

    index, boxes = job
    image = _state["pixels"][index]
    side = image.shape[0]
    out = np.empty((len(boxes), 1001), np.int8)
    for v, (x, y, w, h, flip) in enumerate(boxes * np.array([side, side, side, side, 1], np.float32)):
        # the same sampling grid as grid_sample(align_corners=False) at 224 output pixels
        matrix = np.array([[w / 224, 0, x + w / 448 - 0.5], [0, h / 224, y + h / 448 - 0.5]], np.float32)
        crop = cv2.warpAffine(image, matrix, (224, 224), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        crop = np.ascontiguousarray(crop[:, ::-1]) if flip else crop
        _state["interpreter"].set_tensor(_state["input"], crop[None])
        _state["interpreter"].invoke()
        out[v] = _state["interpreter"].get_tensor(_state["logits"]["index"])[0]
    return out


def write_labels(packs: Path, name: str, views: int, seed: int, answer: Callable[[np.ndarray, np.ndarray], None]) -> None:
    """Writes ``<name>.boxes.npy`` float32 [N, V, 5] and ``<name>.teacher.npy`` int8 [N, V, 1001] (logit = scale * value).

    ``answer(boxes, labels)`` fills the labels. What was written whole before is kept.
    """
    out = packs / f"{name}.teacher.npy"
    if out.exists():
        print(f"{name}: teacher labels kept")
        return
    count = len(np.load(packs / f"{name}.pixels.npy", mmap_mode="r"))
    boxes = crop_boxes(count, views, seed)
    np.save(packs / f"{name}.boxes.npy", boxes)
    partial = packs / f"{name}.teacher.partial.npy"
    labels = np.lib.format.open_memmap(partial, mode="w+", dtype=np.int8, shape=(count, views, 1001))
    answer(boxes, labels)
    labels.flush()
    partial.rename(out)
    print(f"{name}: {count} x {views} soft labels", flush=True)


def label(packs: Path, name: str, model: Path, views: int, seed: int) -> None:
    """``write_labels`` by the 8-bit interpreter, a process per core."""

    def answer(boxes: np.ndarray, labels: np.ndarray) -> None:
        with ProcessPoolExecutor(initializer=_open, initargs=(str(model), str(packs / f"{name}.pixels.npy"))) as pool:
            for i, row in enumerate(pool.map(_label, enumerate(boxes), chunksize=128)):
                labels[i] = row
                if i % 10_000 == 0:
                    print(f"{name}: teacher {i}/{len(boxes)}", flush=True)

    write_labels(packs, name, views, seed, answer)
