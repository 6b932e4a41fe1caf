from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import small_bert
from onnx import external_data_helper

from clipn_models import bundle, families, tokenizer
from clipn_models.shared_weights import WEIGHTS, external_files, share
from clipn_models.verify import Faults, verify


def silent(*_args: object) -> None:
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bert.write(tmp_path_factory.mktemp("bert") / "b")


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "b"))


def sign(path: Path) -> None:
    """Makes the checksums right again."""
    manifest = json.loads((path / "bundle.json").read_text())
    manifest["files"] = {name: bundle.file_entry(path / name) for name in manifest["files"]}
    (path / "bundle.json").write_text(json.dumps(manifest))


def test_a_bundle_of_another_family_verifies_against_pytorch(made: Path) -> None:
    verify(made, silent)
    image = bundle.load_manifest(made)["image"]
    assert (image["mean"], image["std"], image["size"]) == ([0.5] * 3, [0.5] * 3, 20)


def test_a_family_is_found_by_its_prefix_and_no_other() -> None:
    assert families.family("ViT-B-16") is None
    assert families.family("small-bert-2").__name__ == "small_bert"
    assert families.family("small-bertha") is None


def test_common_tensors_are_kept_once(made: Path, tmp_path: Path) -> None:
    alone = small_bert.write(tmp_path / "alone", shared=False)
    assert WEIGHTS in bundle.load_manifest(made)["files"]
    assert WEIGHTS not in bundle.load_manifest(alone)["files"]
    size = {p: sum(f.stat().st_size for f in p.glob("text*")) for p in (made, alone)}
    assert size[made] < 0.6 * size[alone]
    tokens = np.array([[2, 9, 8, 3]])
    for tower in ("yes", "no"):
        outputs = [onnxruntime.InferenceSession(p / f"text-{tower}.onnx").run(None, {"tokens": tokens})[0] for p in (made, alone)]
        assert np.array_equal(*outputs)


def test_graphs_with_nothing_in_common_share_nothing(copy: Path) -> None:
    alone = copy / "alone"
    alone.mkdir()
    for name, value in (("yes", 1.0), ("no", 2.0)):
        model = onnx.load(copy / f"text-{name}.onnx")
        for tensor in model.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + np.float32(value), tensor.name))
        onnx.save(model, alone / f"text-{name}.onnx")
    assert share(alone) == 0
    assert not (alone / WEIGHTS).exists()


@pytest.mark.parametrize("location", ["../outside", "/etc/hostname", "other.weights"])
def test_a_graph_that_names_another_file_is_refused(copy: Path, location: str) -> None:
    model = onnx.load(copy / "text-no.onnx", load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    tensor.raw_data = b""
    external_data_helper.set_external_data(tensor, location, 0, 4)
    (copy / "text-no.onnx").write_bytes(model.SerializeToString())
    sign(copy)
    assert location in external_files(copy / "text-no.onnx")
    with pytest.raises(Faults, match=r"only text\.weights is allowed"):
        verify(copy, silent)


def test_shared_weights_that_the_manifest_does_not_list_are_refused(copy: Path) -> None:
    manifest = json.loads((copy / "bundle.json").read_text())
    del manifest["files"][WEIGHTS]
    (copy / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(Faults, match="does not list"):
        verify(copy, silent)


def test_altered_shared_weights_are_a_fault(copy: Path) -> None:
    data = bytearray((copy / WEIGHTS).read_bytes())
    data[10] ^= 1
    (copy / WEIGHTS).write_bytes(data)
    with pytest.raises(Faults, match=WEIGHTS):
        verify(copy, silent)


def test_a_text_tower_that_depends_on_padding_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(Faults, match="padded to the longest"):
        verify(small_bert.write(tmp_path / "b", leak=True), silent)


@pytest.mark.parametrize("value", [1e-30, float("nan")], ids=["nothing", "nan"])
def test_a_text_tower_that_gives_no_direction_is_a_fault(tmp_path: Path, value: float) -> None:
    with pytest.raises(Faults, match="golden texts, no: length off"):
        verify(small_bert.write(tmp_path / "b", no_head=value), silent)


def test_markers_in_a_text_are_characters_and_a_long_text_is_truncated(made: Path) -> None:
    tok = tokenizer.load(made / "tokenizer.json")
    ids = tokenizer.encode(tok, ["dog [SEP] cat", "dog " * 30], 12)
    assert ids.shape == (2, 12)
    assert ids[0].tolist().count(3) == 1
    assert ids[1].tolist()[-1] == 3
    assert ids[1].tolist().count(3) == 1
