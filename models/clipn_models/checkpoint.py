"""Reads untrusted checkpoints as weights only: a file that contains code is refused and its code does not run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

PREFIXES = ("module.", "_orig_mod.", "model.")
"""Prefixes that DistributedDataParallel, ``torch.compile`` and training frameworks add to every name, in any order."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message has the reason."""


def read_state(path: Path | str) -> dict[str, Tensor]:
    """{parameter name: tensor on the CPU} of a checkpoint.

    Reads what the official code saves ({epoch, name, state_dict, optimizer, scaler?}), a bare state dict, or safetensors, whatever the file is called.
    Everything but the weights is ignored, and prefixes of wrappers are removed. No code of the file is run.
    Raises CheckpointError for a file that is missing, truncated or damaged, that contains code, or that contains something other than named tensors.
    """
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; a checkpoint is a file")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    content = _safetensors(path) if _is_safetensors(path) else _pickled(path)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a checkpoint or a state dict")
    strange = [str(key) for key, value in content.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if strange or not content:
        what = f"entries that are no tensors: {', '.join(strange[:10])}" if strange else "nothing"
        raise CheckpointError(f"{path}: is neither a checkpoint with a state_dict nor a bare state dict; it holds {what}")
    state = {bare(name): value for name, value in content.items()}
    if len(state) < len(content):
        twice = [name for name in content if bare(name) != name and bare(name) in content] or sorted(name for name in content if bare(name) != name)
        raise CheckpointError(f"{path}: holds parameters more than once, with and without a prefix ({', '.join(PREFIXES)}): {', '.join(twice[:10])}")
    return state


def bare(name: str) -> str:
    """A parameter's name without the prefixes of wrappers: ``module._orig_mod.x`` and ``model.module.x`` are ``x``."""
    while prefix := next((p for p in PREFIXES if name.startswith(p) and len(name) > len(p)), None):
        name = name.removeprefix(prefix)
    return name


def _is_safetensors(path: Path) -> bool:
    """Decides by content: eight bytes of length, then a JSON object of at most that length. A truncated file is recognised by the ending of its name."""
    with path.open("rb") as file:
        head = file.read(9)
    length = int.from_bytes(head[:8], "little")
    return (len(head) == 9 and head[8:] == b"{" and 2 <= length <= path.stat().st_size - 8) or path.suffix == ".safetensors"


def _check_archive(path: Path) -> None:
    """Raises CheckpointError for a ZIP archive with a wrong checksum, which PyTorch does not verify, and for TorchScript."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith(("/constants.pkl", ".debug_pkl")) or "/code/" in name for name in archive.namelist()):
                raise CheckpointError(f"{path}: is TorchScript (torch.jit.save), a program and not a checkpoint; save the model's state_dict() instead")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: is no PyTorch checkpoint, or was cut or damaged ({error})") from error
    if damaged:
        raise CheckpointError(f"{path}: was damaged: the checksum of {damaged} is wrong")


def _pickled(path: Path) -> object:
    _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats; those that matter are errors here
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's own message recommends loading without the protection, which would run the code of the file
        code = re.search(r"GLOBAL (\S+)", str(error))
        if code:
            raise CheckpointError(f"{path}: carries code ({code[1]}) and was not loaded; a checkpoint holds tensors only") from error
        raise CheckpointError(f"{path}: is no PyTorch checkpoint, or a damaged one") from error
    except Exception as error:  # PyTorch raises errors of many types for a damaged file
        reason = str(error).splitlines()[0] if str(error) and "weights_only" not in str(error) else type(error).__name__
        raise CheckpointError(f"{path}: is no PyTorch checkpoint, or was cut or damaged ({reason})") from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: is no safetensors file, or was cut or damaged ({error})") from error
