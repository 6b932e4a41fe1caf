"""Graphs in half precision open on a CPU without reading freed memory; 8-bit products are summed without overflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from random_models import random_model

from clipn_models import lower
from clipn_models.graphs import export, graphs
from clipn_models.sessions import computes_in_half, open_session

# the structure of test_optimise.py, whose exports serve here too
VIT = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 700, "width": 64, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("halves")
    (folder / "vit.json").write_text(json.dumps(VIT))
    parts = graphs(random_model(str(folder / "vit.json")))
    out = {}
    for part in ("image", "text-yes"):
        export(part, parts[part], folder / f"{part}.onnx", 32)
        out[part] = folder / f"{part}.fp16.onnx"
        out[part].write_bytes(lower.half(lower.single(folder / f"{part}.onnx")).SerializeToString())
    return out


def test_weights_that_are_only_stored_in_half_precision_do_not_count(halves: dict[str, Path]) -> None:
    for part, path in halves.items():
        assert computes_in_half(path)
        assert computes_in_half(path.read_bytes())
        assert not computes_in_half(path.with_name(f"{part}.onnx"))


OPEN = "import sys; from pathlib import Path; from clipn_models.sessions import open_session; [open_session(Path(p)) for p in sys.argv[1:]]"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc overwrites freed memory on demand")
def test_a_session_in_half_precision_opens_where_freed_memory_is_overwritten(halves: dict[str, Path]) -> None:
    environment = {**os.environ, "MALLOC_PERTURB_": "90"}
    run = subprocess.run([sys.executable, "-c", OPEN, *map(str, halves.values())], env=environment, check=False)
    assert run.returncode == 0


def convolution_in_8_bits() -> onnx.ModelProto:
    """float32 [1, 16, 4, 4] -> [1, 16, 4, 4]: sums of 16 inputs times 127, in steps of 2032."""
    node, value = helper.make_node, TensorProto.FLOAT
    nodes = [
        node("QuantizeLinear", ["x", "one", "zero"], ["x.int8"]),
        node("DequantizeLinear", ["x.int8", "one", "zero"], ["x.read"]),
        node("DequantizeLinear", ["w", "one", "signed"], ["w.read"]),
        node("Conv", ["x.read", "w.read"], ["sum"]),
        node("QuantizeLinear", ["sum", "step", "zero"], ["sum.int8"]),
        node("DequantizeLinear", ["sum.int8", "step", "zero"], ["y"]),
    ]
    constants = {"one": np.float32(1), "step": np.float32(2032), "zero": np.uint8(0), "signed": np.int8(0), "w": np.full((16, 16, 1, 1), 127, np.int8)}
    ends = ([helper.make_tensor_value_info(n, value, [1, 16, 4, 4])] for n in ("x", "y"))
    graph = helper.make_graph(nodes, "convolution", *ends, [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_sums_of_8_bit_products_do_not_overflow_without_vnni() -> None:
    session = open_session(convolution_in_8_bits().SerializeToString())
    largest = np.full((1, 16, 4, 4), 255, np.float32)
    assert np.unique(session.run(None, {"x": largest})[0]).tolist() == [16 * 255 * 127]
