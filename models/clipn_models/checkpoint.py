"""Reads checkpoints from anywhere: as weights and nothing else, so that a file which wants to run code is refused and not obeyed."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path

import torch
from torch import Tensor

PREFIX = "module."
"""What DistributedDataParallel puts before every name."""


class CheckpointError(ValueError):
    """A checkpoint that can't be used, with the reason in words."""


def read_state(path: Path | str) -> dict[str, Tensor]:
    """{parameter name: tensor on the CPU} of a checkpoint.

    Takes what the official code saves ({epoch, name, state_dict, optimizer, scaler?}), a bare state dict, or a .safetensors file.
    Everything beside the weights is ignored, the prefix ``module.`` is dropped. No code of the file is run.
    Raises CheckpointError for a file that is missing, cut, damaged, carries code, or holds something other than named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    content = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a checkpoint or a state dict")
    strange = [str(key) for key, value in content.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if strange or not content:
        what = f"entries that are no tensors: {', '.join(strange[:10])}" if strange else "nothing"
        raise CheckpointError(f"{path}: is neither a checkpoint with a state_dict nor a bare state dict; it holds {what}")
    state = {name.removeprefix(PREFIX): value for name, value in content.items()}
    if len(state) < len(content):
        twice = [name for name in content if name.startswith(PREFIX) and name.removeprefix(PREFIX) in content]
        raise CheckpointError(f"{path}: holds parameters with and without the prefix {PREFIX!r}: {', '.join(twice[:10])}")
    return state


def _pickled(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats; those that matter are errors here
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's own message goes on to advise loading without the protection, which is the last thing to do with such a file
        code = re.search(r"GLOBAL (\S+)", str(error))
        if code:
            raise CheckpointError(f"{path}: carries code ({code[1]}) and was not loaded; a checkpoint holds tensors only") from error
        raise CheckpointError(f"{path}: is no PyTorch checkpoint, or a damaged one") from error
    except Exception as error:  # PyTorch raises whatever its parser stumbled over; each of them means the same
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: is no PyTorch checkpoint, or was cut or damaged ({reason})") from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: is no safetensors file, or was cut or damaged ({error})") from error
