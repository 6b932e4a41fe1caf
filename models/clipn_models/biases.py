"""Corrects the biases of 8-bit convolutions for the mean error of their outputs (Nagel et al., ICCV 2019, section 4.2, with real inputs).

Rounded weights and activations move the mean of a convolution's output channel. That difference from the single-precision graph is
measured on calibration images and added to the bias, one convolution after the other, so that each sees the corrected ones before it.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .sessions import CPU, open_session

IMAGES = 48
"""of the calibration images, evenly chosen: a mean over each image's positions needs few of them"""


def correct(plain: onnx.ModelProto, lowered: onnx.ModelProto, batches: list[np.ndarray]) -> onnx.ModelProto:
    """``lowered`` in QDQ form with corrected biases; ``plain`` is the graph that it was made from, ``batches`` its inputs [n, ...]."""
    sites = _sites(lowered)
    if not sites:
        return lowered
    rows = np.concatenate(batches)
    rows = rows[:: max(1, len(rows) // IMAGES)]
    wanted = _means(plain, [_convolution(plain, name) for name in sites], rows)
    out = onnx.ModelProto()
    out.CopyFrom(lowered)
    values = {t.name: t for t in out.graph.initializer}
    for (name, (bias, scale)), want in zip(sites.items(), wanted, strict=True):
        error = want - _means(out, [name], rows)[0]
        steps = np.rint(error / numpy_helper.to_array(values[scale]))
        whole = numpy_helper.to_array(values[bias]).astype(np.int64) + steps.astype(np.int64)
        values[bias].CopyFrom(numpy_helper.from_array(np.clip(whole, -(2**31), 2**31 - 1).astype(np.int32), bias))
    return out


def _sites(graph: onnx.ModelProto) -> dict[str, tuple[str, str]]:
    """Output of each 8-bit convolution -> its bias in whole steps and the size of a step, by name."""
    read = {n.output[0]: n for n in graph.graph.node if n.op_type == "DequantizeLinear"}
    convolutions = [n for n in graph.graph.node if n.op_type == "Conv" and n.input[0] in read and len(n.input) > 2 and n.input[2] in read]
    return {n.output[0]: (read[n.input[2]].input[0], read[n.input[2]].input[1]) for n in convolutions}


def _convolution(plain: onnx.ModelProto, name: str) -> str:
    """Output of the plain convolution. The lowered one may bear the name of the activation after it, which its 8-bit range then replaces."""
    maker = next(n for n in plain.graph.node if name in n.output)
    return name if maker.op_type == "Conv" else maker.input[0]


def _means(graph: onnx.ModelProto, names: list[str], rows: np.ndarray) -> list[np.ndarray]:
    """Mean of each channel [C] of the tensors ``names`` [N, C, H, W]."""
    probe = onnx.ModelProto()
    probe.CopyFrom(graph)
    del probe.graph.output[:]
    probe.graph.output.extend(helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names)
    session = open_session(probe.SerializeToString(), providers=CPU)
    total = [np.zeros(1)] * len(names)
    for at in range(0, len(rows), 8):
        found = session.run(names, {graph.graph.input[0].name: rows[at : at + 8]})
        total = [t + o.astype(np.float64).mean((2, 3)).sum(0) for t, o in zip(total, found, strict=True)]
    return [t / len(rows) for t in total]
