from __future__ import annotations

import json
from collections.abc import Iterator

import made_pairs
import pytest
from timm.models import register_model

from clipn_models.towers import ResNet9
from tests import quick_exports  # noqa: F401


@pytest.fixture(scope="module")
def fused_whatever_its_speed() -> Iterator[None]:
    """A busy machine must not decide which form the tests see. Rounding to halves in the plain form depends on the batch by up to 1e-4."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clipn_models.optimise.SLOWER", 0.0)
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
