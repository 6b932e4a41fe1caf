"""Speed of an architecture's image encoder in the forms a bundle can have, side by side in one run; seeded random weights.

Speed does not depend on the weights. The cosine does: trained networks have larger outliers, so ``optimise`` measures every bundle
on its own.
"""

from __future__ import annotations

import copy
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from . import lower
from .fuse import fuse
from .graphs import export, graphs
from .model import CLIPN, arch_config, build
from .quality import BATCH, gpu, made, open_graph, photographs
from .timing import gain, interleaved, median, tasks

PLAIN = "fp32, plain export"


def random_model(arch: str, seed: int = 0) -> CLIPN:
    torch.manual_seed(seed)
    model = build(arch_config(arch)).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # a new BatchNorm folds into biases of zero, which exporters leave out
            torch.nn.init.normal_(module.bias, std=0.1)
    return model


def variants(model: CLIPN, folder: Path, device: str, calibration: np.ndarray | None) -> dict[str, Path]:
    """Name -> graph of the image encoder: plain, fused, and in the precisions of the device.

    ``calibration``: pixels [N, S, S, 3] for fixed 8-bit scales; without them that variant is left out.
    """
    size = model.image_size
    part = graphs(model)["image"]
    plain = folder / "plain.onnx"
    export("image", copy.deepcopy(part), plain, size)
    out = {PLAIN: plain}
    fused = fuse(part)
    best = plain
    if fused is not None:
        best = out["fp32, fused"] = folder / "fused.onnx"
        export("image", fused, best, size)
    if device == "cuda":
        out["fp16"] = folder / "fp16.onnx"
        onnx.save(lower.half(lower.single(best)), out["fp16"])
        return out
    if fused is not None:
        out["int8, a scale per row"] = folder / "rows.onnx"
        onnx.save(lower.rows(lower.single(best)), out["int8, a scale per row"])
    if calibration is not None:
        out["int8, fixed scales"] = folder / "static.onnx"
        batches = [calibration[i : i + BATCH] for i in range(0, len(calibration), BATCH)]
        onnx.save(lower.static(lower.single(best), batches), out["int8, fixed scales"])
    if fused is not None:
        # for comparison only: the plain graph after quantize_dynamic; its outputs depend on the batch
        name = "int8, a scale per batch"
        source, out[name] = folder / "single.onnx", folder / "dynamic.onnx"
        onnx.save(lower.single(plain), source)
        quantize_dynamic(source, out[name], op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8)
    return out


def bench(
    arch: str,
    batch: int,
    threads: int,
    rounds: int,
    samples: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    cpu_time: bool = False,
    log=print,
) -> list[dict]:
    """Prints and returns one row per variant: images/s (median of the rounds), times the plain export, cosine with it.

    ``device``: cpu, cuda, or auto (cuda where the runtime has it). ``cpu_time``: per second of processor time, for a busy machine.
    """
    if device == "auto":
        device = "cuda" if gpu() else "cpu"
    model = random_model(arch, seed)
    given = photographs(samples, model.image_size, 2 * max(batch, 32)) if samples else made(model.image_size)
    calibration, pixels = given.halves
    pixels = np.resize(pixels, (batch, *pixels.shape[1:]))
    with tempfile.TemporaryDirectory() as folder:
        graphs_of = variants(model, Path(folder), device, calibration if given.real else None)
        sessions = {name: open_graph(path, threads, device) for name, path in graphs_of.items()}
    features = {name: s.run(None, {"pixels": pixels})[0] for name, s in sessions.items()}
    alone = {name: s.run(None, {"pixels": pixels[:1]})[0] for name, s in sessions.items()}
    seconds = interleaved(tasks(sessions, pixels), rounds, time.process_time if cpu_time else time.perf_counter)
    second = "processor second" if cpu_time else "s"
    log(f"{arch}, image encoder, {device}, batch {batch}, {threads or 'all'} threads, {rounds} rounds, turn by turn; images/{second}")
    rows = []
    for name in sessions:
        cosine = (features[name] * features[PLAIN]).sum(-1)
        row = {
            "variant": name,
            "images_per_second": batch / median(seconds[name]),
            "gain": gain(seconds, name, PLAIN),
            "cosine_mean": float(cosine.mean()),
            "cosine_min": float(cosine.min()),
            "moved_by_batch": float(np.abs(features[name][:1] - alone[name]).max()),
        }
        rows.append(row)
        log(
            f"  {name:<26}{row['images_per_second']:8.2f}  {row['gain']:5.2f} x   cosine {row['cosine_mean']:.6f}"
            f" (least {row['cosine_min']:.6f})   alone or in the batch: {row['moved_by_batch']:.1e}"
        )
    return rows
