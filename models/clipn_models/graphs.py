"""The three graphs of a bundle as PyTorch modules, and their export to ONNX.

image.onnx      ``pixels`` uint8 [N, S, S, 3] -> ``features`` float32 [N, D], unit length; optionally also ``patches`` [N, P, D]
text-yes.onnx   ``tokens`` int64 [N, T], 3 <= T <= context length -> ``features`` float32 [N, D], unit length
text-no.onnx    the same through the no tower, the mean of the sixteen prompts folded into its positions

Storage "half": weights of more than a few numbers are stored in half precision and cast back inside the graph, which the runtime
does once when it opens the file. The PyTorch modules carry the same rounded weights, so they stay an exact reference.
Storage "single": weights are stored as they are, twice as large. Computation is single precision either way.
"""

from __future__ import annotations

import copy
import itertools
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .model import CLIPN
from .patches import offers_patches, with_patches
from .transform import MEAN, STD

OPSET = 20
STORAGES = ("half", "single")
LARGEST = 2**31 - 2**24
"""Bytes of weights that fit into one file: the format's limit of 2 GiB less room for the graph itself."""
SMALL = 512
"""Tensors up to this many numbers (biases, gains) keep single precision: they cost nothing and rounding them would not help."""


class ImageGraph(nn.Module):
    """Pixels to unit features; scaling, normalisation and L2 are parts of the graph.

    ``mirrored``: the feature is the mean direction of the photograph's and its mirror image's, for small models whose features
    would differ between the two. It doubles the work. ``patches``: the features of the patches as a second output (``patches``).
    """

    def __init__(self, visual: nn.Module, mirrored: bool = False, patches: bool = False):
        super().__init__()
        if patches and (mirrored or not offers_patches(visual)):
            raise ValueError("this image tower offers no features of patches" if not mirrored else "a mirrored image tower offers no features of patches")
        self.visual = visual
        self.mirrored = mirrored
        self.patches = patches
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        if self.patches:
            features, patches = with_patches(self.visual, x)
            return F.normalize(features, dim=-1), F.normalize(patches, dim=-1)
        features = F.normalize(self.visual(x), dim=-1)
        if self.mirrored:
            features = F.normalize(features + F.normalize(self.visual(x.flip(-1)), dim=-1), dim=-1)
        return features


class TextGraph(nn.Module):
    """Tokens to unit features, through one of the two towers."""

    def __init__(self, model: CLIPN, tower: str):
        super().__init__()
        suffix = "_no" if tower == "no" else ""
        positions = getattr(model, "positional_embedding" + suffix).detach().clone()
        if tower == "no" and model.prompt_no is not None:
            positions = positions + model.prompt_no.detach().mean(0)
        self.embedding = copy.deepcopy(getattr(model, "token_embedding" + suffix))
        self.positions = nn.Parameter(positions, requires_grad=False)
        self.transformer = copy.deepcopy(getattr(model, "transformer" + suffix))
        self.norm = copy.deepcopy(getattr(model, "ln_final" + suffix))
        self.projection = nn.Parameter(getattr(model, "text_projection" + suffix).detach().clone(), requires_grad=False)
        self.register_buffer("mask", torch.full((len(positions), len(positions)), -1e4).triu(1), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.embedding(tokens) + self.positions[:length]
        x = self.norm(self.transformer(x, attn_mask=self.mask[:length, :length]))
        end = tokens.argmax(dim=-1)
        x = x.gather(1, end[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]
        return F.normalize(x @ self.projection, dim=-1)


class Affine(nn.Module):
    """A BatchNorm in eval mode: [N, C, H, W] times a gain plus a bias per channel."""

    def __init__(self, norm: nn.BatchNorm2d):
        super().__init__()
        gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        self.gain = nn.Parameter(gain.view(-1, 1, 1))
        self.bias = nn.Parameter((norm.bias.detach() - norm.running_mean * gain).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain + self.bias


def fold_batch_norm(module: nn.Module) -> None:
    """Folds every BatchNorm that follows a convolution in a Sequential into it and makes the others Affine, in place. Needs eval mode."""
    for child in module.children():
        fold_batch_norm(child)
    if isinstance(module, nn.Sequential):
        parts = list(module.named_children())
        for (name, conv), (after, norm) in itertools.pairwise(parts):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, after, _activation(norm))
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.Sequential(Affine(child), _activation(child)))


def _activation(norm: nn.BatchNorm2d) -> nn.Module:
    """The activation that follows a norm: timm's norms may contain it."""
    act = getattr(norm, "act", None)
    return nn.Identity() if act is None else act


def round_weights(module: nn.Module) -> None:
    with torch.no_grad():
        for p in module.parameters():
            if p.numel() > SMALL:
                p.copy_(p.half().float())


def graphs(model: CLIPN, storage: str = "half", mirrored: bool = False, patches: bool = False) -> dict[str, nn.Module]:
    """{"image", "text-yes", "text-no"}: the bundle's graphs in PyTorch, on the CPU, weights rounded as stored.

    ``patches``: see ``ImageGraph``. Raises ValueError if a part would be larger than an ONNX file may be.
    """
    visual = copy.deepcopy(model.visual).cpu().eval()
    fold_batch_norm(visual)
    parts = {"image": ImageGraph(visual, mirrored, patches), "text-yes": TextGraph(model, "yes").cpu(), "text-no": TextGraph(model, "no").cpu()}
    for part in parts.values():
        part.eval().requires_grad_(False)
        if storage == "half":
            round_weights(part)
    for name, part in parts.items():
        size = sum(p.numel() for p in part.parameters()) * (2 if storage == "half" else 4)
        if size > LARGEST:
            hint = "; half-precision storage halves that" if storage == "single" else ""
            raise ValueError(f"the weights of {name} take {size / 2**30:.1f} GiB, a graph can hold at most {LARGEST / 2**30:.1f} GiB{hint}")
    return parts


def outputs(graph: nn.Module) -> list[str]:
    """Names of a graph's outputs."""
    return ["features", "patches"] if getattr(graph, "patches", False) else ["features"]


def features_of(result: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """The features of a graph that may have features of patches too."""
    return result[0] if isinstance(result, tuple) else result


def example(name: str, image_size: int) -> Tensor:
    if name == "image":
        return torch.randint(0, 256, (2, image_size, image_size, 3), dtype=torch.uint8)
    return torch.tensor([[1, 2, 3, 4, 5], [1, 2, 5, 0, 0]])


def export(name: str, graph: nn.Module, path: Path, image_size: int, storage: str = "half", context_length: int | None = None) -> None:
    """Writes a graph as ONNX. ``context_length``: longest text in tokens; without it, as many as a ``TextGraph`` has positions."""
    argument = "pixels" if name == "image" else "tokens"
    dynamic = {argument: {0: torch.export.Dim("N")}}
    if name != "image":
        dynamic[argument][1] = torch.export.Dim("T", min=2, max=context_length or graph.positions.shape[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            (example(name, image_size),),
            dynamo=True,
            opset_version=OPSET,
            input_names=[argument],
            output_names=outputs(graph),
            dynamic_shapes=dynamic,
            external_data=False,
            verbose=False,
        )
    proto = program.model_proto
    strip(proto)
    note_parameters(proto, graph)
    if storage == "half":
        store_half(proto)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


PARAMETERS = "clipn.parameters"
"""Metadata key of the map {PyTorch parameter: [initialiser, transposed?]}: exporters rename and transpose tensors. A third entry is
where the parameter begins in a longer vector: exporters join biases."""


def note_parameters(proto: onnx.ModelProto, graph: nn.Module) -> None:
    """Records where every parameter of the PyTorch module is stored, so that the module can be rebuilt from the file."""
    stored = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    places = {}
    for name, p in graph.named_parameters():
        value = p.detach().numpy()
        kinds = ((False, _same), (True, _same), (False, _same_but_for_ones))
        place = next(([k, flip] for flip, same in kinds for k, v in stored.items() if same(v, value.T if flip else value)), None)
        if place is None and value.ndim == 1:
            n, vectors = value.size, {k: v for k, v in stored.items() if v.ndim == 1}
            place = next(([k, False, at] for k, v in vectors.items() for at in range(0, v.size - n + 1, n) if _same(v[at : at + n], value)), None)
        if place is None:
            raise ValueError(f"the exported graph does not hold the parameter {name}")
        places[name] = place
    entry = proto.metadata_props.add()
    entry.key, entry.value = PARAMETERS, json.dumps(places)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _same_but_for_ones(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the numbers and their order are equal; exporters add and drop dimensions of one."""
    return _same(a.squeeze(), b.squeeze())


def load_parameters(path: Path, graph: nn.Module) -> None:
    """Fills a PyTorch module with the weights of an exported file. Raises ValueError if the two do not match."""
    proto = onnx.load(path)
    stored = {t.name.removesuffix(".half"): numpy_helper.to_array(t).astype(np.float32) for t in proto.graph.initializer}
    places = json.loads(next((m.value for m in proto.metadata_props if m.key == PARAMETERS), "{}"))
    state = {}
    for name, p in graph.named_parameters():
        if name not in places:
            raise ValueError(f"{path.name} has no place of the parameter {name}")
        initialiser, flipped, *begin = places[name]
        value = stored[initialiser].T if flipped else stored[initialiser]
        if begin:
            value = value[begin[0] : begin[0] + p.numel()]
        if value.size != p.numel() or (value.ndim == p.ndim and value.shape != tuple(p.shape)):
            raise ValueError(f"{path.name}: {name} has shape {value.shape}, the architecture has {tuple(p.shape)}")
        state[name] = torch.from_numpy(np.ascontiguousarray(value)).view(p.shape)
    graph.load_state_dict(state, strict=False)


def store_half(proto: onnx.ModelProto) -> None:
    """Stores large single-precision initialisers in half precision with a cast. The numbers must be representable in half precision."""
    for tensor in list(proto.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size <= SMALL:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            if values.ndim >= 2 and not np.isin(values, (0, -1e4)).all():
                raise ValueError(f"{tensor.name} has not been rounded to half precision")
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + ".half"))
        proto.graph.node.insert(0, helper.make_node("Cast", [name + ".half"], [name], name=name + ".cast", to=TensorProto.FLOAT))


def strip(proto: onnx.ModelProto) -> None:
    """Removes the exporters' metadata about their machine, and fixes the order, so that equal weights give equal files."""
    proto.doc_string = ""
    del proto.metadata_props[:]
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.value_info, *proto.graph.initializer]:
        value.doc_string = ""
        if hasattr(value, "metadata_props"):
            del value.metadata_props[:]
    del proto.graph.metadata_props[:]
