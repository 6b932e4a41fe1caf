"""Sessions of ONNX Runtime, opened in one place."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
from onnx import TensorProto
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

CPU = ["CPUExecutionProvider"]
UNSAFE_IN_HALF = "NchwcTransformer"
"""This optimiser of ONNX Runtime (1.30 and 1.32) reads freed memory when it rewrites a graph that computes in half precision on a CPU, and at times the
process ends by a segmentation fault. It only speeds up convolutions in single precision."""
NO_OVERFLOW = "session.x64quantprecision"
"""Without VNNI, ONNX Runtime adds pairs of 8-bit products in 16 bits and cuts off larger sums: int8 features of the default then have cosine 0.9973 with
fp32 instead of 0.9997. This setting makes the sums right on such processors, at 1.26 times the processor time, and changes nothing on others."""


def computes_in_half(graph: bytes | Path) -> bool:
    """Whether operations have weights in half precision. Weights that are stored so and cast first do not count."""
    proto = onnx.load_from_string(graph) if isinstance(graph, bytes) else onnx.load(graph, load_external_data=False)
    halves = {t.name for t in proto.graph.initializer if t.data_type == TensorProto.FLOAT16}
    return any(name in halves for node in proto.graph.node if node.op_type != "Cast" for name in node.input)


def open_session(graph: bytes | Path, options: onnxruntime.SessionOptions | None = None, providers: list[str] | None = None) -> onnxruntime.InferenceSession:
    """``graph``: an ONNX file or its bytes. ``providers``: the CPU by default."""
    options = options or onnxruntime.SessionOptions()
    if computes_in_half(graph):
        options.add_session_config_entry("optimization.disable_specified_optimizers", UNSAFE_IN_HALF)

    def create(no_overflow: str) -> onnxruntime.InferenceSession:
        options.add_session_config_entry(NO_OVERFLOW, no_overflow)
        return onnxruntime.InferenceSession(graph if isinstance(graph, bytes) else str(graph), options, providers=providers or CPU)

    try:
        return create("1")
    except Fail:  # ONNX Runtime (1.32) cannot convert weights that several products share; such a graph is opened as it is
        return create("0")
