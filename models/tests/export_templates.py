"""Exports a module of PyTorch to ONNX once for all weights: the file of other weights is the first one with the initialisers exchanged.

An export takes 3 to 5 s of processor time, most of it for the structure, and tests export few structures with many weights.
``test_export_templates.py`` holds that the files are those of real exports. A module gets a real export each time if one of its weights is not
found in the file, if two weights are equal, if a weight is all zeros or all ones, or if one of its attributes cannot be compared.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

real_export = torch.onnx.export

Place = list[tuple[str, bool]]
"""The parameters whose numbers follow each other in an initialiser, each with whether it is transposed there."""

INTERNAL = {"_parameters", "_buffers", "_modules", "training", *(name for name in vars(nn.Module()) if name.startswith("_"))}


class NotComparable(Exception):
    """Two modules may differ in this attribute although its descriptions are equal, or the other way round."""


@dataclass
class Template:
    proto: onnx.ModelProto
    """The exported graph; initialisers that have a place are empty."""
    places: dict[str, Place]


def described(value: object) -> object:
    """A value that is equal for equal attributes of modules."""
    if isinstance(value, Tensor):
        return value.dtype, tuple(value.shape), hashlib.sha256(value.detach().contiguous().numpy().tobytes()).digest()
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value).__name__, tuple(described(v) for v in value)
    if isinstance(value, dict):
        return tuple((key, described(v)) for key, v in value.items())
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        return value.__module__, value.__qualname__
    if isinstance(value, (nn.Module, MethodType)) or " at 0x" in repr(value):
        raise NotComparable(repr(value))
    return repr(value)


def structure(graph: nn.Module) -> object:
    """All of a module but the numbers of its parameters."""
    seen: dict[int, int] = {}
    modules = [
        (name, type(module).__module__, type(module).__qualname__, described({k: v for k, v in vars(module).items() if k not in INTERNAL}))
        for name, module in graph.named_modules()
    ]
    parameters = [(name, p.dtype, tuple(p.shape), seen.setdefault(id(p), len(seen))) for name, p in graph.named_parameters(remove_duplicate=False)]
    return modules, parameters, described(dict(graph.named_buffers()))


def numbers(graph: nn.Module) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy() for name, p in graph.named_parameters()}


def distinct(values: dict[str, np.ndarray]) -> bool:
    """Whether no exporter can join or drop one of these arrays because of its numbers."""
    if any(v.dtype != np.float32 or not np.isfinite(v).all() or (v == 0).all() or (v == 1).all() for v in values.values()):
        return False
    return len({v.tobytes() for v in values.values()}) == len(values)


def place_of(array: np.ndarray, values: dict[str, np.ndarray]) -> Place | None:
    """Where the numbers of an initialiser come from."""
    for name, value in values.items():
        if value.size == array.size:
            if np.array_equal(value.ravel(), array.ravel()):
                return [(name, False)]
            if value.ndim == 2 and np.array_equal(value.T.ravel(), array.ravel()):
                return [(name, True)]
    place: Place = []
    at = 0
    while array.ndim == 1 and at < array.size:
        found = next((name for name, v in values.items() if v.ndim == 1 and np.array_equal(v, array[at : at + v.size])), None)
        if found is None:
            return None
        place.append((found, False))
        at += values[found].size
    return place or None


FEW = 8
"""Numbers of a constant of the code, such as a mean per channel. Larger ones are weights, buffers, or something computed from weights."""


def template_of(proto: onnx.ModelProto, graph: nn.Module) -> Template | None:
    """None if the file may depend on the weights in another way than by initialisers that hold them."""
    values = numbers(graph)
    if not distinct(values):
        return None
    buffers = [b.detach().numpy() for b in graph.buffers()]
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    places = {}
    for tensor in copied.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        array = numpy_helper.to_array(tensor)
        place = place_of(array, values)
        if place is not None:
            places[tensor.name] = place
            tensor.raw_data = b""
        elif array.size > FEW and not any(np.array_equal(array.ravel(), b.ravel()) for b in buffers):
            return None
    found = {name for place in places.values() for name, _ in place}
    return Template(copied, places) if found == values.keys() else None


def filled(template: Template, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    proto.CopyFrom(template.proto)
    for tensor in proto.graph.initializer:
        if tensor.name in template.places:
            parts = [np.ascontiguousarray(values[name].T if flipped else values[name]).ravel() for name, flipped in template.places[tensor.name]]
            tensor.raw_data = np.concatenate(parts).tobytes()
    return proto


class Exporter:
    """``torch.onnx.export`` with templates, for calls that want the graph and no file."""

    def __init__(self) -> None:
        self.templates: dict[str, Template | None] = {}

    def __call__(self, graph: nn.Module, args: tuple[Tensor, ...], *rest: Any, **options: Any) -> Any:
        if rest:
            return real_export(graph, args, *rest, **options)
        try:
            shapes = [(a.dtype, a.shape) for a in args]
            key = hashlib.sha256(repr((structure(graph), shapes, options)).encode()).hexdigest()
        except NotComparable:
            return real_export(graph, args, **options)
        if key not in self.templates:
            program = real_export(graph, args, **options)
            self.templates[key] = template_of(program.model_proto, graph)
            return program
        template, values = self.templates[key], numbers(graph)
        if template is None or not distinct(values):
            return real_export(graph, args, **options)
        return SimpleNamespace(model_proto=filled(template, values))
