"""A bundle's fp32 graph in lower precision: ``half`` for GPUs, ``rows`` and ``static`` (both 8 bits) for CPUs.

All keep the graph's contract: inputs and outputs have the same types, and the final projection and L2 norm stay in single precision. An
answer must not depend on the rest of its batch. That excludes the usual dynamic quantisation, whose scale is computed over the whole
tensor: on ViT-B/16, features changed by up to 3e-3 with the other images of the batch. ``rows`` computes a scale for every row (token)
instead, and ``static`` has fixed scales from calibration images.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from . import biases
from .graphs import store_half

LEAST_SCALE = 1e-12
"""Scale of a row of zeros: a division by it must be safe."""


class Refused(ValueError):
    """A precision is not offered; the message has the reason."""


def single(path: Path) -> onnx.ModelProto:
    """A bundle's graph with its weights as single-precision initialisers, however the file stores them; without metadata."""
    proto = onnx.load(path)
    del proto.metadata_props[:]
    halves = {t.name: t for t in proto.graph.initializer if t.data_type == TensorProto.FLOAT16}
    for node in list(proto.graph.node):
        if node.op_type == "Cast" and node.input[0] in halves:
            tensor = halves[node.input[0]]
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), node.output[0]))
            proto.graph.node.remove(node)
    return proto


def compact(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Stores weights in half precision if it represents them exactly."""
    smaller = onnx.ModelProto()
    smaller.CopyFrom(proto)
    try:
        store_half(smaller)
    except ValueError:  # a bundle whose weights are stored in single precision
        return proto
    return smaller


def projections(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The final projection; of a mirrored bundle the photograph's and its mirror image's."""
    normed = {n.input[0] for n in proto.graph.node if n.op_type == "ReduceL2"}
    return [n for n in proto.graph.node if n.op_type in ("MatMul", "Gemm") and normed & set(n.output)]


def tail(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The final projection and the L2 norm after it: a few numbers per image, on which every cosine depends."""
    starts = [n.name for n in projections(proto)]
    nodes, after = [], set()
    for node in proto.graph.node:
        if node.name in starts or after & set(node.input):
            nodes.append(node)
            after.update(node.output)
    return nodes


def after_pooling(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """All behind the last convolution's pooling: heads are a hundredth of the work, and every number of a feature depends on them."""
    seen = next((n.output[0] for n in proto.graph.node if n.op_type in ("GlobalAveragePool", "ReduceMean") and len(n.output) == 1), None)
    if seen is None or not any(n.op_type == "Conv" for n in proto.graph.node):
        return []
    nodes, after = [], {seen}
    for node in proto.graph.node:
        if after & set(node.input):
            nodes.append(node)
            after.update(node.output)
    return nodes


FIRST = 3
"""Convolutions at the entrance of a separable network that keep single precision."""


def first_depthwise(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The first convolutions of a network that separates space and channels. An error of the first layers affects all later ones.

    Measured on clipn-small 1.0.0 (decisions unchanged in tenants of ten, times the time of three with corrected biases): three 97.7 %;
    nine 98.2 %, 1.3; three with corrected biases (``biases``) 98.2 %, 1.
    """
    convolutions = [n for n in proto.graph.node if n.op_type == "Conv"]
    separable = any(a.name == "group" and a.i > 1 for n in convolutions[:3] for a in n.attribute)
    return convolutions[:FIRST] if separable else []


def head(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """From pixels to normalised colours: whole numbers up to 255 that half precision would round after the subtraction."""
    nodes, after = [], {"pixels"}
    for node in proto.graph.node:
        if after & set(node.input) and node.op_type in ("Transpose", "Cast", "Sub", "Div"):
            nodes.append(node)
            after.update(node.output)
    return nodes


def half(proto: onnx.ModelProto) -> onnx.ModelProto:
    """fp16 except for the first and last operations; the sums inside layer norms and softmax are kept in single precision by GPU kernels.

    ONNX Runtime's own converter rounds values between nodes that are excluded from the conversion, such as the L2 norm.
    Raises Refused if a weight is too large for half precision.
    """
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    graph = out.graph
    del graph.value_info[:]
    first, last = head(out), tail(out)
    kept = {n.name for n in [*first, *last]}
    inner = [n for n in graph.node if n.name not in kept]
    singles = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT}
    for name in sorted({i for n in inner for i in n.input} & singles.keys()):
        with np.errstate(over="ignore"):
            values = numpy_helper.to_array(singles[name]).astype(np.float16)
        if not np.isfinite(values).all():
            raise Refused(f"{name} has numbers beyond the range of half precision")
        graph.initializer.append(numpy_helper.from_array(values, name + ".fp16"))
        if not any(name in n.input for n in [*first, *last]):
            graph.initializer.remove(singles[name])
    casts = {}
    if first:
        casts[first[-1].output[0]] = TensorProto.FLOAT16
    starts = projections(out)
    casts |= {node.input[0]: TensorProto.FLOAT for node in starts}
    nodes = []
    for node in graph.node:
        nodes.append(node)
        if node.name not in kept:
            for i, name in enumerate(node.input):
                if name in singles or casts.get(name) == TensorProto.FLOAT16:
                    node.input[i] = name + ".fp16"
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                    attribute.i = TensorProto.FLOAT16
        for name in node.output:
            if name in casts:
                ending = "fp16" if casts[name] == TensorProto.FLOAT16 else "fp32"
                nodes.append(helper.make_node("Cast", [name], [f"{name}.{ending}"], name=f"{name}.{ending}", to=casts[name]))
    for node in starts:
        node.input[0] += ".fp32"
    del graph.node[:]
    graph.node.extend(nodes)
    return out


def rows(proto: onnx.ModelProto) -> onnx.ModelProto:
    """8-bit products in the linear layers: weights with a scale per output, activations with a scale per row, computed at run time.

    For x [.., K] and W [K, M]: q = round(x / s) + 128 with s = max |x| / 127 of the row, y = (q - 128) Wq * s_W * s.
    Raises Refused if the final projection is the only linear layer.
    """
    out = onnx.ModelProto()
    out.CopyFrom(proto)
    graph = out.graph
    weights = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}
    kept = {n.name for n in tail(out)}
    chosen = [n for n in graph.node if n.op_type == "MatMul" and n.input[1] in weights and n.name not in kept]
    if not chosen:
        raise Refused("no linear layers to quantise")
    constants = {
        "rows.zero": np.uint8(128),
        "rows.step": np.float32(1 / 127),
        "rows.least": np.float32(LEAST_SCALE),
        "rows.one": np.float32(1),
        "rows.last": np.int64([-1]),
    }
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    for name in {n.input[1] for n in chosen}:
        w = numpy_helper.to_array(weights[name])
        scale = np.abs(w).max(axis=0) / 127
        scale[scale == 0] = 1
        graph.initializer.remove(weights[name])
        quantised = np.clip(np.rint(w / scale), -127, 127).astype(np.int8)
        graph.initializer.extend([numpy_helper.from_array(quantised, name + ".int8"), numpy_helper.from_array(scale.astype(np.float32), name + ".scale")])
    done: set[str] = set()
    nodes = []
    for node in graph.node:
        if node not in chosen:
            nodes.append(node)
            continue
        (x, w), (y,) = node.input, node.output
        if x not in done:
            graph.initializer.append(numpy_helper.from_array(np.int64([-1, weights[w].dims[0]]), x + ".matrix"))
            nodes.extend(_row_scales(x))
            done.add(x)
        nodes.append(
            helper.make_node("MatMulIntegerToFloat", [x + ".int8", w + ".int8", "rows.one", w + ".scale", "rows.zero"], [y + ".raw"], domain="com.microsoft")
        )
        nodes.append(helper.make_node("Mul", [y + ".raw", x + ".scale"], [y]))
    del graph.node[:]
    graph.node.extend(nodes)
    _contrib(out)
    return compact(out)


def _row_scales(x: str) -> list[onnx.NodeProto]:
    """float32 [.., K] -> ``x.int8`` uint8 [.., K] around 128 and ``x.scale`` float32 [.., 1]."""
    node = helper.make_node
    return [
        node("Abs", [x], [x + ".abs"]),
        node("ReduceMax", [x + ".abs", "rows.last"], [x + ".max"], keepdims=1),
        node("Mul", [x + ".max", "rows.step"], [x + ".ratio"]),
        node("Max", [x + ".ratio", "rows.least"], [x + ".scale"]),
        # scales along an axis are a vector in ONNX, so the rows are the first axis of a matrix for this operation
        node("Reshape", [x + ".scale", "rows.last"], [x + ".scales"]),
        node("Shape", [x + ".scales"], [x + ".count"]),
        node("Expand", ["rows.zero", x + ".count"], [x + ".zeros"]),
        node("Reshape", [x, x + ".matrix"], [x + ".rows"]),
        node("QuantizeLinear", [x + ".rows", x + ".scales", x + ".zeros"], [x + ".flat"], axis=0),
        node("Shape", [x], [x + ".shape"]),
        node("Reshape", [x + ".flat", x + ".shape"], [x + ".int8"]),
    ]


class _Batches(CalibrationDataReader):
    def __init__(self, argument: str, batches: Iterable[np.ndarray]):
        self.argument, self.batches = argument, iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {self.argument: batch}


def static(proto: onnx.ModelProto, batches: Iterable[np.ndarray]) -> onnx.ModelProto:
    """8-bit products in convolutions and linear layers with fixed scales, taken from ``batches`` of real inputs (QDQ); biases are corrected."""
    batches = list(batches)
    types = ["Conv", "MatMul", "Gemm"]
    if not any(n.op_type == "LayerNormalization" for n in proto.graph.node):
        types += ["Add", "Relu", "Clip", "MaxPool"]  # a convolutional network: values stay in 8 bits from layer to layer
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, out = (str(Path(folder) / f"{n}.onnx") for n in ("plain", "prepared", "static"))
        onnx.save(proto, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True, skip_optimization=True)
        quantize_static(
            prepared,
            out,
            _Batches(proto.graph.input[0].name, batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=types,
            nodes_to_exclude=[n.name for n in [*tail(proto), *after_pooling(proto), *first_depthwise(proto)]],
            extra_options={"MatMulConstBOnly": True},
        )
        return compact(biases.correct(proto, onnx.load(out), batches))


def _contrib(proto: onnx.ModelProto) -> None:
    if not any(o.domain == "com.microsoft" for o in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
