"""Architectures outside open_clip: the modules that rebuild their graphs in PyTorch."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from torch import nn

FAMILIES = {"lite-minilm": "clipn_models.default.towers"}
"""Prefix of a manifest's ``architecture`` -> module with ``build_graphs(path) -> {"image", "text-yes", "text-no"}``.

The modules compute what the bundle's files compute; the caller fills in their parameters from the files
(``graphs.load_parameters``). Text graphs read tokens padded with 0 and leave the padding out.
"""


def family(architecture: str) -> ModuleType | None:
    """The module of an architecture; None if open_clip builds it."""
    for prefix, module in FAMILIES.items():
        if architecture == prefix or architecture.startswith(f"{prefix}-"):
            return importlib.import_module(module)
    return None


def family_graphs(architecture: str, path: Path) -> dict[str, nn.Module] | None:
    """PyTorch modules of the bundle in ``path``, without the values of their parameters; None if open_clip builds the architecture."""
    module = family(architecture)
    return None if module is None else module.build_graphs(path)
