from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from random_models import random_model

from clipn_models import bundle, checks, lower, tokenizer
from clipn_models.bench import bench
from clipn_models.bundle import load_manifest, save_manifest
from clipn_models.fuse import fuse
from clipn_models.graphs import TextGraph, export, graphs, load_parameters
from clipn_models.model import arch_config, build
from clipn_models.optimise import Settings, optimise
from clipn_models.quality import Inputs, compare, made, open_graph, photographs, run
from clipn_models.remeasure import remeasure
from clipn_models.timing import gain, interleaved
from clipn_models.verify import Faults, verify

pytestmark = pytest.mark.usefixtures("fused_whatever_its_speed")

VIT = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 700, "width": 64, "heads": 2, "layers": 2},
}


def silent(*_args: object) -> None:
    pass


@pytest.fixture(scope="module")
def vit_arch(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("arch") / "vit.json"
    path.write_text(json.dumps(VIT))
    return str(path)


def make(out: Path, arch: str, mirrored: bool = False) -> Path:
    out.mkdir(parents=True)
    tokenizer.train(["a photo of a dog", "a school bus", "a very long name", "cat sunflower violin"] * 5, 700).save(str(out / "tok.json"))
    provenance = {"architecture": arch, "variant": "learnable", "checkpoint": "random", "training_data": [], "commit": None, "date": "2026-01-01"}
    bundle.write(
        random_model(arch),
        out / "tok.json",
        out / "bundle",
        name="small",
        version="0.1.0",
        licence="Apache-2.0",
        provenance=provenance,
        templates={"yes": ["a photo of a {}.", "{}"], "no": None},
        vocabulary=None,
        evaluation={},
        mirrored=mirrored,
    )
    return out / "bundle"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures in two folders, smooth as photographs are."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(40):
        folder = root / ("school_bus", "dog")[i % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)).resize((50, 40), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, vit_arch: str) -> Path:
    return make(tmp_path_factory.mktemp("plain") / "m", vit_arch)


@pytest.fixture(scope="module")
def optimised(plain: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("optimised") / "bundle"
    shutil.copytree(plain, path)
    optimise(path, Settings(samples=photos, text=True, min_gain=0, threads=1, rounds=3), silent)
    return path


def operators(path: Path) -> set[str]:
    return {n.op_type for n in onnx.load(path).graph.node}


@pytest.mark.parametrize("part", bundle.PARTS)
def test_the_fused_form_gives_the_same_numbers_and_reads_back(tmp_path: Path, vit_arch: str, part: str) -> None:
    graph = graphs(random_model(vit_arch))[part]
    fused = fuse(graph)
    assert fused is not None
    export(part, fused, tmp_path / "fused.onnx", 32)
    assert "MultiHeadAttention" in operators(tmp_path / "fused.onnx")
    session = open_graph(tmp_path / "fused.onnx", 1)
    rng = np.random.default_rng(0)
    if part == "image":
        inputs = [rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8) for n in (1, 3)]
    else:  # ends at different places, with noise behind them
        inputs = [np.array([[1, 699, 0, 0], [1, 5, 6, 699], [1, 5, 699, 7]]), rng.integers(1, 699, (2, 16))]
        inputs[1][:, 15] = 699
    for rows in inputs:
        with torch.no_grad():
            want = graph(torch.from_numpy(rows)).numpy()
        assert np.abs(run(session, rows) - want).max() < 1e-6
    other = graphs(build(arch_config(vit_arch)).eval())[part]
    load_parameters(tmp_path / "fused.onnx", other)
    for (name, a), b in zip(graph.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_a_convolutional_tower_has_nothing_to_fuse(mini_arch: str) -> None:
    parts = graphs(random_model(mini_arch))
    assert fuse(parts["image"]) is None
    assert isinstance(parts["text-yes"], TextGraph)
    assert fuse(parts["text-yes"]) is not None


def test_an_optimised_bundle_verifies_in_every_precision(optimised: Path) -> None:
    lines: list[str] = []
    verify(optimised, lines.append)
    manifest = bundle.load_manifest(optimised)
    for precision in bundle.PRECISIONS:
        for part in bundle.PARTS:
            assert bundle.graph_file(part, precision) in manifest["files"]
        assert sum(f"{precision}.onnx: golden" in line for line in lines) == 3
    assert "QuantizeLinear" in operators(optimised / "image.int8.onnx")
    tensors = onnx.load(optimised / "image.fp16.onnx").graph.initializer
    assert sum(t.data_type == onnx.TensorProto.FLOAT16 for t in tensors) > 20


def test_the_cost_is_in_the_manifest(optimised: Path) -> None:
    for entry in bundle.load_manifest(optimised)["precisions"].values():
        quality = entry["quality"]
        assert (quality["inputs"], quality["images"], quality["classes"]) == ("photographs", 20, 2)
        assert 0.99 < quality["image_cosine"]["min"] <= quality["image_cosine"]["mean"] < 1.0001
        assert quality["text_cosine"]["min"] > 0.99
        assert 0 < quality["probability_difference"] < 1
        assert 0.9 <= quality["equal_decisions"] <= 1
        assert bundle.TOLERANCE < entry["tolerance"] <= 0.1


@pytest.mark.parametrize("precision", bundle.PRECISIONS)
def test_answers_do_not_depend_on_the_batch(optimised: Path, precision: str) -> None:
    golden = json.loads((optimised / "golden.json").read_text())
    for part, file in bundle.graph_files(bundle.load_manifest(optimised), precision).items():
        assert checks.company(part, open_graph(optimised / file, 1), golden) <= 1e-6, part


def test_a_lowered_graph_that_was_altered_is_a_fault(optimised: Path, tmp_path: Path) -> None:
    path = tmp_path / "b"
    shutil.copytree(optimised, path)
    manifest = bundle.load_manifest(path)
    manifest["precisions"]["int8"]["tolerance"] = 1e-6
    bundle.save_manifest(path, manifest)
    with pytest.raises(Faults, match=r"image\.int8\.onnx: golden"):
        verify(path, silent)
    (path / "image.fp16.onnx").unlink()
    with pytest.raises(Faults, match=r"image\.fp16\.onnx: checksum"):
        verify(path, silent)


def test_optimising_again_changes_the_requested_precisions_only(optimised: Path, tmp_path: Path) -> None:
    path = tmp_path / "b"
    shutil.copytree(optimised, path)
    lines: list[str] = []
    before = bundle.load_manifest(path)
    optimise(path, Settings(precisions=("int8",), min_gain=1e9, threads=1, rounds=1), lines.append)
    assert "image: is fused" in lines
    after = bundle.load_manifest(path)
    assert list(after["precisions"]) == ["fp16"]
    assert after["precisions"]["fp16"] == before["precisions"]["fp16"]
    assert not (path / "image.int8.onnx").exists()
    assert "image.int8.onnx" not in after["files"]
    assert any("int8: not offered" in line for line in lines)
    verify(path, silent)


def test_a_precision_that_costs_too_much_is_refused(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(plain, tmp_path / "b")

    def spoil(proto: onnx.ModelProto) -> onnx.ModelProto:
        for tensor in proto.graph.initializer:
            if tensor.name.endswith("mlp.c_fc.bias"):
                tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + 5, tensor.name))
        return proto

    monkeypatch.setattr(lower, "half", spoil)
    lines: list[str] = []
    manifest = optimise(tmp_path / "b", Settings(precisions=("fp16",), threads=1, rounds=1), lines.append)
    assert "precisions" not in manifest
    assert any(line.startswith("fp16: not offered") for line in lines)
    verify(tmp_path / "b", silent)


def test_a_convolutional_bundle_is_quantised_with_fixed_scales(tmp_path: Path, mini_arch: str, photos: Path) -> None:
    path = make(tmp_path / "m", mini_arch)
    lines: list[str] = []
    manifest = optimise(path, Settings(samples=photos, min_gain=0, threads=1, rounds=1), lines.append)
    assert "image: nothing to fuse" in lines
    assert any(line.startswith("int8 (rows): no linear layers") for line in lines)
    assert any(line.startswith("int8 (static)") for line in lines)
    for precision, entry in manifest.get("precisions", {}).items():
        assert entry["graphs"] == ["image"], precision
    verify(path, silent)


def test_a_mirrored_bundle_keeps_both_of_its_projections_and_all_norms(tmp_path: Path, mini_arch: str, photos: Path) -> None:
    path = make(tmp_path / "mirrored", mini_arch, mirrored=True)
    single = lower.single(path / "image.onnx")
    assert len(lower.projections(single)) == 2
    assert sum(n.op_type == "ReduceL2" for n in lower.tail(single)) == 3
    manifest = optimise(path, Settings(precisions=("fp16", "int8"), samples=photos, threads=1, rounds=1, min_gain=0.0), log=silent)
    assert set(manifest["precisions"]) == {"fp16", "int8"}
    verify(path, log=silent)
    for precision in ("fp16", "int8"):
        nodes = onnx.load(path / f"image.{precision}.onnx").graph.node
        norms = [n for n in nodes if n.op_type == "ReduceL2"]
        made_by = {name: n.op_type for n in nodes for name in n.output}
        assert len(norms) == 3
        assert not {made_by[n.input[0]] for n in norms} & {"Cast", "DequantizeLinear"}


def test_impossible_settings_are_refused_with_the_reason(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown precision int4"):
        optimise(plain, Settings(precisions=("int4",)), silent)
    with pytest.raises(ValueError, match="0 images"):
        optimise(plain, Settings(samples=tmp_path), silent)
    with pytest.raises(ValueError, match="no int8: it offers fp32"):
        bundle.graph_files(bundle.load_manifest(plain), "int8")


def test_half_keeps_colours_and_norm_in_single_precision(plain: Path) -> None:
    proto = lower.single(plain / "image.onnx")
    kept = {n.op_type for n in [*lower.head(proto), *lower.tail(proto)]}
    assert {"Sub", "Div", "ReduceL2"} <= kept
    out = lower.half(proto)
    assert [i.type.tensor_type.elem_type for i in (*out.graph.input, *out.graph.output)] == [onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT]
    bias = next(t for t in proto.graph.initializer if t.name.endswith("c_fc.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(256, 1e6, np.float32), bias.name))
    with pytest.raises(ValueError, match="beyond the range"):
        lower.half(proto)


def test_photographs_name_their_classes(photos: Path) -> None:
    inputs = photographs(photos, 32, limit=10)
    assert inputs.pixels.shape == (10, 32, 32, 3)
    assert inputs.classes == ("dog", "school bus")
    assert inputs.real
    assert not made(32).real
    assert photographs(photos / "dog", 32).classes == bundle.GOLDEN_CLASSES


def test_equal_sessions_cost_nothing(plain: Path) -> None:
    sessions = {part: open_graph(plain / f"{part}.onnx", 1) for part in bundle.PARTS}
    manifest = bundle.load_manifest(plain)
    inputs = Inputs(made(32).pixels, ("dog", "cat"), False)
    quality = compare(sessions, sessions, inputs, tokenizer.load(plain / "tokenizer.json"), manifest)
    assert quality["probability_difference"] == 0
    assert quality["equal_decisions"] == 1
    assert "text_cosine" not in quality


def test_measuring_again_changes_the_figures_and_no_graph(optimised: Path, tmp_path: Path, photos: Path) -> None:
    path = shutil.copytree(optimised, tmp_path / "again")
    before = load_manifest(path)
    manifest = copy.deepcopy(before)
    for entry in manifest["precisions"].values():
        del entry["quality"]["score_differences"]
    save_manifest(path, manifest)
    assert remeasure(path, photos) == before
    verify(path)


def test_variants_are_timed_in_turn() -> None:
    order: list[str] = []
    seconds = interleaved({n: lambda n=n: order.append(n) for n in "ab"}, 3)
    assert order == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert [len(v) for v in seconds.values()] == [3, 3]
    assert gain({"x": [1.0, 2.0, 4.0], "y": [2.0, 8.0, 8.0]}, "x", "y") == 2


def test_the_bench_compares_in_one_run(vit_arch: str) -> None:
    rows = bench(vit_arch, batch=4, threads=1, rounds=2, device="cpu", log=silent)
    assert [r["variant"] for r in rows] == ["fp32, plain export", "fp32, fused", "int8, a scale per row", "int8, a scale per batch"]
    assert all(r["images_per_second"] > 0 and r["cosine_min"] > 0.999 for r in rows)
    assert [r["moved_by_batch"] < 1e-6 for r in rows] == [True, True, True, False]
