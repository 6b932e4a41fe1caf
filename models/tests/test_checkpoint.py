from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clipn_models.checkpoint import CheckpointError, read_state

STATE = {"token_embedding.weight": torch.arange(6.0).view(2, 3), "prompt_no": torch.zeros(16, 4, 2)}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def optimizer_state() -> dict:
    p = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.AdamW([p])
    p.grad = torch.ones(2)
    optimizer.step()
    return optimizer.state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.", "model.", "model.module."])
@pytest.mark.parametrize("wrapped", [True, False])
def test_the_official_format_and_bare_state_dicts(tmp_path: Path, prefix: str, wrapped: bool) -> None:
    state = {prefix + k: v for k, v in STATE.items()}
    whole = {"epoch": 10, "name": "x", "state_dict": state, "optimizer": optimizer_state(), "scaler": {"scale": 65536.0}}
    torch.save(whole if wrapped else state, tmp_path / "c.pt")
    assert same(read_state(tmp_path / "c.pt"), STATE)


def test_files_of_old_pytorch_and_safetensors(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert same(read_state(tmp_path / "old.pt"), STATE)
    save_file(STATE, tmp_path / "c.safetensors")
    assert same(read_state(tmp_path / "c.safetensors"), STATE)
    save_file({f"_orig_mod.{k}": v for k, v in STATE.items()}, tmp_path / "named-otherwise.pt")
    assert same(read_state(tmp_path / "named-otherwise.pt"), STATE)


class Payload:
    """Leaves a file behind wherever it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_with_code_is_refused_and_its_code_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    poisoned = {"state_dict": STATE, "optimizer": Payload(mark)}
    torch.save(poisoned, tmp_path / "zip.pt")
    torch.save(poisoned, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "raw.pkl").write_bytes(pickle.dumps(poisoned["optimizer"], protocol=2))
    (tmp_path / "newer.pkl").write_bytes(pickle.dumps(poisoned["optimizer"], protocol=4))
    carries = r"carries code \(.*mkdir\) and was not loaded"
    for name, reason in {"zip.pt": carries, "old.pt": carries, "raw.pkl": carries, "newer.pkl": "no PyTorch checkpoint"}.items():
        with pytest.raises(CheckpointError, match=reason):
            read_state(tmp_path / name)
        assert not mark.exists(), name
    # the payload works: the protection is in the reader
    pickle.loads((tmp_path / "raw.pkl").read_bytes())
    assert mark.exists()


def test_a_scripted_module_is_refused(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "s.pt"))
    with pytest.raises(CheckpointError, match=r"s\.pt: is TorchScript") as told:
        read_state(tmp_path / "s.pt")
    assert "weights_only" not in str(told.value)


def test_a_changed_byte_in_a_tensor_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    torch.save({"weight": torch.full((1000,), 3.0)}, path)
    data = bytearray(path.read_bytes())
    at = data.index(torch.full((8,), 3.0).numpy().tobytes())
    data[at + 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"was damaged: the checksum of .*data/0 is wrong"):
        read_state(path)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: float, kind: str) -> None:
    path = tmp_path / ("c.safetensors" if kind == "safetensors" else "c.pt")
    if kind == "safetensors":
        save_file(STATE, path)
    else:
        torch.save({"state_dict": STATE}, path, _use_new_zipfile_serialization=kind == "zip")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if 0 < keep < 1 else keep])
    with pytest.raises(CheckpointError, match=path.name):
        read_state(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("not a checkpoint at all")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "numbers.pt")
    torch.save({}, tmp_path / "empty.pt")
    torch.save({"state_dict": {**STATE, "module.prompt_no": STATE["prompt_no"]}}, tmp_path / "twice.pt")
    for name, reason in {
        "text.pt": "no PyTorch checkpoint",
        "other.zip": "no PyTorch checkpoint",
        "tensor.pt": "holds a Tensor",
        "numbers.pt": "no tensors: epoch, lr",
        "empty.pt": "holds nothing",
        "twice.pt": r"more than once, with and without a prefix .*: module\.prompt_no",
        "missing.pt": "no such file",
        ".": "is a folder",
    }.items():
        with pytest.raises(CheckpointError, match=reason):
            read_state(tmp_path / name)
