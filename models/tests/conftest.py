from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import made_pairs
import pytest
from timm.models import register_model
from torch import nn

from clipn_models import bundle, graphs
from clipn_models.towers import ResNet9
from tests import quick_exports  # noqa: F401


@pytest.fixture(scope="session")
def exported_texts() -> dict[tuple, bytes]:
    """Files of exported text graphs, for ``equal_texts_once``."""
    return {}


@pytest.fixture(scope="module")
def fused_whatever_its_speed() -> Iterator[None]:
    """A busy machine must not decide which form the tests see. Rounding to halves in the plain form depends on the batch by up to 1e-4."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clipn_models.optimise.SLOWER", 0.0)
        yield


@pytest.fixture(scope="module")
def equal_texts_once(exported_texts: dict[tuple, bytes]) -> Iterator[None]:
    """An export of a text graph takes 2 s; one with equal modules and parameters is copied. Image graphs are exported each time.

    ``test_equal_weights_give_equal_files`` holds that a copy and an export are the same.
    """

    def export(name: str, graph: nn.Module, path: Path, *rest: object) -> None:
        weights = hashlib.sha256()
        for parameter in graph.state_dict().values():
            weights.update(parameter.detach().numpy().tobytes())
        heads = tuple(getattr(module, "num_heads", None) for module in graph.modules())
        key = (name, str(graph), heads, weights.hexdigest(), *rest)
        if name == "image" or key not in exported_texts:
            graphs.export(name, graph, path, *rest)
            exported_texts[key] = path.read_bytes()
        path.write_bytes(exported_texts[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "export", export)
        yield


@register_model
def clipn_mini(pretrained: bool = False, **_: object) -> ResNet9:
    """The tower of clipn-tiny, small enough to train in seconds."""
    return ResNet9((8, 16, 24, 32))


MINI = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "timm_model_name": "clipn_mini", "timm_pool": "avg", "timm_proj": "linear"},
    "text_cfg": {"context_length": 16, "vocab_size": 700, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="session")
def mini_arch(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("arch") / "mini.json"
    path.write_text(json.dumps(MINI))
    return str(path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> made_pairs.Made:
    """Image-caption pairs and a CLIP for the recipe."""
    return made_pairs.make(tmp_path_factory.mktemp("made"))
