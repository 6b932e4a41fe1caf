from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from random_models import random_model

from clipn_models import bundle, tokenizer
from clipn_models.bundle import load_manifest, save_manifest
from clipn_models.graphs import ImageGraph, graphs
from clipn_models.optimise import Settings, optimise
from clipn_models.patches import offers_patches
from clipn_models.transform import MEAN, STD
from clipn_models.verify import Faults, verify

pytestmark = pytest.mark.usefixtures("fused_whatever_its_speed")

TEXT = {"context_length": 16, "vocab_size": 700, "width": 64, "heads": 2, "layers": 2}
VIT = {"embed_dim": 32, "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32}, "text_cfg": TEXT}
RESNET = {"embed_dim": 64, "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}, "text_cfg": TEXT}


def silent(*_args: object) -> None:
    pass


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("arch") / "vit.json"
    path.write_text(json.dumps(VIT))
    return str(path)


def make(out: Path, arch: str, patches: bool) -> Path:
    out.mkdir(parents=True)
    tokenizer.train(["a photo of a dog", "a school bus", "a very long name", "cat sunflower violin"] * 5, 700).save(str(out / "tok.json"))
    provenance = {"architecture": arch, "variant": "learnable", "checkpoint": "random", "training_data": [], "commit": None, "date": "2026-01-01"}
    about = {"licence": "Apache-2.0", "provenance": provenance, "templates": {"yes": ["{}"], "no": None}, "vocabulary": None, "evaluation": {}}
    bundle.write(random_model(arch), out / "tok.json", out / "bundle", name="small", version="0.1.0", patches=patches, **about)
    return out / "bundle"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, vit: str) -> Path:
    """A bundle with features of patches; tests that change it copy it."""
    return make(tmp_path_factory.mktemp("made") / "with", vit, True)


def copied(made: Path, to: Path) -> Path:
    return Path(shutil.copytree(made, to / "bundle"))


def outputs(path: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, {"pixels": pixels}), strict=True))


def random_pixels(count: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * weight + bias


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + torch.special.erf(torch.from_numpy(x / np.sqrt(2))).numpy())


def attention(x: np.ndarray, w: dict[str, np.ndarray], at: str, heads: int) -> np.ndarray:
    q, k, v = np.split(x @ w[f"{at}.attn.in_proj_weight"].T + w[f"{at}.attn.in_proj_bias"], 3, -1)
    split = lambda t: t.reshape(*t.shape[:2], heads, -1).transpose(0, 2, 1, 3)  # noqa: E731
    logits = split(q) @ split(k).transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1] / heads)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True)) @ split(v)
    return mixed.transpose(0, 2, 1, 3).reshape(x.shape) @ w[f"{at}.attn.out_proj.weight"].T + w[f"{at}.attn.out_proj.bias"]


def mlp(x: np.ndarray, w: dict[str, np.ndarray], at: str) -> np.ndarray:
    y = norm(x, w[f"{at}.ln_2.weight"], w[f"{at}.ln_2.bias"])
    return gelu(y @ w[f"{at}.mlp.c_fc.weight"].T + w[f"{at}.mlp.c_fc.bias"]) @ w[f"{at}.mlp.c_proj.weight"].T + w[f"{at}.mlp.c_proj.bias"]


def reading(visual: torch.nn.Module, pixels: np.ndarray, heads: int = 2) -> np.ndarray:
    """Features of patches by GL-MCM in plain NumPy, float64: the last block with its values in place of its attention."""
    w = {k: v.detach().double().numpy() for k, v in visual.state_dict().items()}
    x = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    n, kernel = len(x), w["conv1.weight"]
    cells = x.reshape(n, 4, 8, 4, 8, 3).transpose(0, 1, 3, 5, 2, 4).reshape(n, 16, -1)
    x = cells @ kernel.reshape(len(kernel), -1).T
    x = np.concatenate([np.broadcast_to(w["class_embedding"], (n, 1, x.shape[-1])), x], 1) + w["positional_embedding"]
    x = norm(x, w["ln_pre.weight"], w["ln_pre.bias"])
    first, last = "transformer.resblocks.0", "transformer.resblocks.1"
    x = x + attention(norm(x, w[f"{first}.ln_1.weight"], w[f"{first}.ln_1.bias"]), w, first, heads)
    x = x + mlp(x, w, first)
    y, width = norm(x, w[f"{last}.ln_1.weight"], w[f"{last}.ln_1.bias"]), x.shape[-1]
    v = y @ w[f"{last}.attn.in_proj_weight"][2 * width :].T + w[f"{last}.attn.in_proj_bias"][2 * width :]
    v = x + v @ w[f"{last}.attn.out_proj.weight"].T + w[f"{last}.attn.out_proj.bias"]
    v = v + mlp(v, w, last)
    patches = norm(v, w["ln_post.weight"], w["ln_post.bias"])[:, 1:] @ w["proj"]
    return patches / np.linalg.norm(patches, axis=-1, keepdims=True)


def test_patches_of_a_vision_transformer_are_those_of_a_plain_reading_and_the_features_stay(tmp_path: Path, vit: str, made: Path) -> None:
    without, with_them = make(tmp_path / "without", vit, False), made
    pixels = random_pixels(3)
    before, now = outputs(without / "image.onnx", pixels), outputs(with_them / "image.onnx", pixels)
    assert list(before) == ["features"]
    assert list(now) == ["features", "patches"]
    assert np.abs(now["features"] - before["features"]).max() <= 1e-6
    assert now["patches"].shape == (3, 16, 32)
    visual = graphs(random_model(vit), "half")["image"].visual
    assert np.abs(now["patches"] - reading(visual, pixels)).max() <= 1e-6
    assert load_manifest(with_them)["image"]["patches"] == 16
    assert "patches" not in load_manifest(without)["image"]
    verify(without, silent)
    verify(with_them, silent)


def test_optimise_keeps_the_patches_in_the_fused_graph_and_in_half_precision(tmp_path: Path, made: Path) -> None:
    path = copied(made, tmp_path)
    pixels = random_pixels(4)
    plain = outputs(path / "image.onnx", pixels)
    said: list[str] = []
    manifest = optimise(path, Settings(precisions=("fp16",), rounds=1), said.append)
    fused = outputs(path / "image.onnx", pixels)
    assert any("image: fused" in line and line.endswith("kept") for line in said), said
    assert np.abs(fused["patches"] - plain["patches"]).max() <= 1e-5
    assert np.abs(fused["features"] - plain["features"]).max() <= 1e-5
    assert "fp16" in manifest["precisions"], said
    half = outputs(path / "image.fp16.onnx", pixels)
    assert np.abs(half["patches"] - plain["patches"]).max() <= 0.05
    verify(path, silent)


def test_a_manifest_that_disagrees_with_the_graph_is_refused(tmp_path: Path, made: Path) -> None:
    path = copied(made, tmp_path)
    manifest = load_manifest(path)
    manifest["image"]["patches"] = 9
    save_manifest(path, manifest)
    with pytest.raises(Faults, match=r"patches \[N, 9, 32\]"):
        verify(path, silent)
    del manifest["image"]["patches"]
    save_manifest(path, manifest)
    with pytest.raises(Faults, match=r"gives .*patches.* too"):
        verify(path, silent)


def test_the_mean_of_the_patches_of_a_pooled_network_is_its_feature() -> None:
    graph = graphs(random_model("clipn-tiny", False), "single", patches=True)["image"]
    size = random_model("clipn-tiny", False).image_size
    x = torch.randn(2, 3, size, size)
    from clipn_models.patches import with_patches

    features, patches = with_patches(graph.visual, x)
    assert torch.allclose(graph.visual(x), features, atol=1e-5)
    assert torch.allclose(patches.mean(1), features, atol=1e-4)


def test_towers_without_positions_are_refused(tmp_path: Path) -> None:
    arch = tmp_path / "resnet.json"
    arch.write_text(json.dumps(RESNET))
    visual = random_model(str(arch)).visual
    assert not offers_patches(visual)
    with pytest.raises(ValueError, match="offers no features of patches"):
        ImageGraph(visual, patches=True)
    with pytest.raises(ValueError, match="mirrored"):
        ImageGraph(random_model("clipn-tiny", False).visual, mirrored=True, patches=True)
