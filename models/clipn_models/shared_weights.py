"""One file of weights that both text graphs read (ONNX external data), for towers with a common trunk.

A graph may name this file and no other, so that an untrusted bundle cannot make the runtime open files of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, TensorProto, external_data_helper, numpy_helper

WEIGHTS = "text.weights"
ALIGNMENT = 64
LEAST = 1024
"""Size in bytes from which a tensor is shared."""


def share(folder: Path) -> int:
    """Moves the tensors that are equal in both text graphs of ``folder`` into ``text.weights``; returns its size in bytes.

    If they have none in common, nothing is written and 0 is returned.
    """
    paths = [folder / f"text-{tower}.onnx" for tower in ("yes", "no")]
    models = [onnx.load(path) for path in paths]
    contents = [{_content(t): t for t in m.graph.initializer if len(numpy_helper.to_array(t).tobytes()) >= LEAST} for m in models]
    common = [key for key in contents[0] if key in contents[1]]
    if not common:
        return 0
    blob = bytearray()
    places: dict[tuple, tuple[int, int]] = {}
    for key in common:
        blob.extend(b"\0" * (-len(blob) % ALIGNMENT))
        places[key] = len(blob), len(key[2])
        blob.extend(key[2])
    for model, path in zip(models, paths, strict=True):
        for tensor in model.graph.initializer:
            place = places.get(_content(tensor))
            if place:
                tensor.raw_data = b""  # set, so that the helper treats the tensor as one with raw bytes
                external_data_helper.set_external_data(tensor, WEIGHTS, offset=place[0], length=place[1])
                tensor.ClearField("raw_data")
        path.write_bytes(model.SerializeToString())
    (folder / WEIGHTS).write_bytes(blob)
    return len(blob)


def _content(tensor: TensorProto) -> tuple[int, tuple[int, ...], bytes]:
    return tensor.data_type, tuple(tensor.dims), np.ascontiguousarray(numpy_helper.to_array(tensor)).tobytes()


def external_files(path: Path) -> set[str]:
    """Names of the files that contain tensors of a graph, as the graph gives them."""
    model = onnx.load(path, load_external_data=False)
    graphs = [model.graph, *(g for t in model.training_info for g in (t.initialization, t.algorithm))]
    tensors = [t for g in graphs for t in _tensors(g)]
    tensors += [t for f in model.functions for n in f.node for a in n.attribute for t in _of_attribute(a)]
    return {e.value for t in tensors for e in t.external_data if e.key == "location"}


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield from _of_attribute(attribute)


def _of_attribute(attribute: AttributeProto) -> Iterator[TensorProto]:
    yield from (attribute.t, *attribute.tensors)
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield from (sparse.values, sparse.indices)
    for graph in (attribute.g, *attribute.graphs):
        if graph.node or graph.initializer or graph.sparse_initializer:
            yield from _tensors(graph)


def foreign_file(path: Path, listed: bool) -> str | None:
    """The fault of the files that a graph of a bundle names; None if there is none. ``listed``: the manifest has text.weights."""
    named = external_files(path)
    strange = sorted(named - {WEIGHTS})
    if strange:
        return f"its tensors are in {strange[0][:100]!r}, only {WEIGHTS} is allowed"
    if named and (not listed or not path.name.startswith("text-")):
        return f"it reads {WEIGHTS}, which {'is for text graphs' if listed else 'the manifest does not list'}"
    return None
