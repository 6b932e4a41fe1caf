"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def save_atomically(state: object, path: Path) -> None:
    """``torch.save`` that is on the disk before it takes the place of what was there."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself
    finally:
        os.close(folder)
