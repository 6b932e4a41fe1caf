"""Image towers of this package's own, registered with timm so that an open_clip configuration can name them."""

from __future__ import annotations

from timm.models import register_model
from timm.models.fasternet import FasterNet


@register_model
def clipn_fasternet_t0_p2(pretrained: bool = False, **kwargs) -> FasterNet:
    """FasterNet-T0 (arXiv 2303.03667) with a 2x2 instead of a 4x4 patch: a 64-pixel photograph starts as 32x32, not 16x16."""
    if pretrained:
        raise ValueError("clipn_fasternet_t0_p2 has no published weights")
    for unused in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        kwargs.pop(unused, None)
    model = FasterNet(embed_dim=40, depths=(1, 2, 8, 2), patch_size=2, **{"drop_path_rate": 0.0, **kwargs})
    model.num_features = model.head_hidden_size  # what leaves the trunk once the classifier is gone, and open_clip projects
    model.default_cfg = {"pool_size": None, "input_size": (3, 64, 64)}
    return model
