from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from random_models import random_model

from clipn_models import bundle, tokenizer
from clipn_models.verify import Faults, verify

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures"
TEMPLATES = ["a photo of a {}.", "{}"]


def make(out: Path, arch: str, learnable: bool, no_templates: list[str] | None = None, mirrored: bool = False) -> tuple[Path, torch.nn.Module]:
    model = random_model(arch, learnable)
    tok = tokenizer.train(["a photo of a dog", "a school bus", "a very long name", "cat sunflower violin"] * 5, 700)
    out.mkdir(parents=True)
    tok.save(str(out / "tok.json"))
    bundle.write(
        model,
        out / "tok.json",
        out / "bundle",
        name="mini",
        version="0.1.0",
        licence="Apache-2.0",
        provenance={
            "architecture": arch,
            "variant": "learnable" if learnable else "hand-crafted",
            "checkpoint": "random",
            "training_data": [],
            "commit": None,
            "date": "2026-01-01",
        },
        templates={"yes": TEMPLATES, "no": no_templates},
        vocabulary=["dog"],
        evaluation={},
        mirrored=mirrored,
    )
    return out / "bundle", model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, mini_arch: str) -> tuple[Path, torch.nn.Module]:
    return make(tmp_path_factory.mktemp("bundle") / "m", mini_arch, True)


def silent(*_args: object) -> None:
    pass


def test_a_new_bundle_verifies(made: tuple[Path, torch.nn.Module]) -> None:
    verify(made[0], silent)


@pytest.mark.parametrize("name", ["quick", "patches"])
def test_the_bundles_with_random_weights_for_tests_of_the_service_verify(name: str) -> None:
    verify(FIXTURES / name, silent)


def test_the_hand_crafted_variant_verifies_with_paired_prompts(tmp_path: Path, mini_arch: str) -> None:
    path, model = make(tmp_path / "m", mini_arch, False, ["a photo without a {}.", "no {}"])
    verify(path, silent)
    assert model.prompt_no is None
    assert bundle.load_manifest(path)["templates"]["no"] == ["a photo without a {}.", "no {}"]


def test_a_mirrored_bundle_verifies_and_gives_a_mirrored_image_the_same_feature(tmp_path: Path, mini_arch: str, made: tuple[Path, torch.nn.Module]) -> None:
    path, _ = make(tmp_path / "m", mini_arch, True, mirrored=True)
    verify(path, silent)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    both, one = bundle.TorchBundle(path), bundle.TorchBundle(made[0])
    mirror = np.ascontiguousarray(pixels[:, :, ::-1])
    assert np.abs(both.image(pixels) - both.image(mirror)).max() < 1e-6
    mean = one.image(pixels) + one.image(mirror)
    assert np.abs(both.image(pixels) - mean / np.linalg.norm(mean, axis=-1, keepdims=True)).max() < 1e-6
    assert np.abs(one.image(pixels) - one.image(mirror)).max() > 1e-3, "the towers are the same, and see a difference"


def test_the_graphs_stay_close_to_the_unrounded_model(made: tuple[Path, torch.nn.Module]) -> None:
    path, model = made
    torch_bundle = bundle.TorchBundle(path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    mean, std = (torch.tensor(torch_bundle.manifest["image"][k]).view(3, 1, 1) for k in ("mean", "std"))
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.no_grad():
        want = torch.nn.functional.normalize(model.encode_image(x), dim=-1).numpy()
    assert np.abs(torch_bundle.image(pixels) - want).max() < 5e-3
    tokens = tokenizer.encode(torch_bundle.tokenizer, ["a photo of a dog"], 16)
    for tower in ("yes", "no"):
        with torch.no_grad():
            want = torch.nn.functional.normalize(model.text_features(tokens, tower), dim=-1)
            got = torch_bundle.parts[f"text-{tower}"](tokens)
        assert (got - want).abs().max() < 5e-3


def test_equal_weights_give_equal_files(tmp_path: Path, mini_arch: str, made: tuple[Path, torch.nn.Module]) -> None:
    # test_export_templates.py shows that exports, which are made once here, give equal files
    b, _ = make(tmp_path / "b", mini_arch, True)
    for name in bundle.FILES:
        assert (made[0] / name).read_bytes() == (b / name).read_bytes(), name


@pytest.mark.parametrize("name", bundle.FILES)
def test_an_altered_file_is_a_fault(made: tuple[Path, torch.nn.Module], tmp_path: Path, name: str) -> None:
    shutil.copytree(made[0], tmp_path / "b")
    data = bytearray((tmp_path / "b" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "b" / name).write_bytes(data)
    with pytest.raises(Faults, match=name):
        verify(tmp_path / "b", silent)


def test_swapped_towers_are_detected_even_with_right_checksums(made: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "b"
    shutil.copytree(made[0], path)
    shutil.copyfile(made[0] / "text-no.onnx", path / "text-yes.onnx")
    manifest = json.loads((path / "bundle.json").read_text())
    manifest["files"]["text-yes.onnx"] = manifest["files"]["text-no.onnx"]
    (path / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(Faults, match="golden texts, yes"):
        verify(path, silent)


def test_the_manifest_reads_back(made: tuple[Path, torch.nn.Module]) -> None:
    manifest = bundle.load_manifest(made[0])
    bundle.save_manifest(made[0], manifest)
    assert bundle.load_manifest(made[0]) == manifest
