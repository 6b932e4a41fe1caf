"""Features of an image's patches in the space of its own feature, for GL-MCM (Miyai et al., IJCV 2025, arXiv 2304.04521).

Vision Transformers with a class token: as in GL-MCM's code, the last block's attention is replaced by its values, so that each position keeps
what it shows itself; then the block's MLP, the last norm and the projection. Convolutions that end in average pooling: the projection of each
position before the pooling.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from open_clip.timm_model import TimmModel
from open_clip.transformer import ResidualAttentionBlock, Transformer, VisionTransformer
from torch import Tensor, nn

from .towers import _Trunk


def offers_patches(visual: nn.Module) -> bool:
    """Whether ``with_patches`` knows how to read this image tower."""
    if isinstance(visual, VisionTransformer):
        blocks = visual.transformer.resblocks if isinstance(visual.transformer, Transformer) else [None]
        plain = all(type(b) is ResidualAttentionBlock and b.attn.batch_first and b.attn.in_proj_weight is not None for b in blocks)
        pooled = visual.attn_pool is None and visual.pool_type == "tok" and not visual.final_ln_after_pool and not visual.output_tokens
        return plain and pooled and visual.proj is not None
    if isinstance(visual, TimmModel) and isinstance(visual.trunk, _Trunk):
        return all(isinstance(m, (nn.Sequential, nn.Linear, nn.Dropout, nn.Identity)) for m in visual.head.modules())
    return False


def with_patches(visual: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised colours [N, 3, S, S] -> features [N, D] and those of the patches [N, P, D], neither of unit length."""
    if isinstance(visual, TimmModel):
        positions = visual.trunk.stages(visual.trunk.stem(x)).flatten(2).transpose(1, 2)
        return visual.head(positions.mean(dim=1)), visual.head(positions)
    x = visual._embeds(x)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    # the whole projection, which the class token's attention needs as well: the runtime computes equal nodes once
    values = F.linear(last.ln_1(x), last.attn.in_proj_weight, last.attn.in_proj_bias).chunk(3, dim=-1)[2]
    y = x + last.ls_1(last.attn.out_proj(values))
    y = y + last.ls_2(last.mlp(last.ln_2(y)))
    return visual.ln_post(last(x)[:, 0]) @ visual.proj, visual.ln_post(y[:, 1:]) @ visual.proj


@torch.no_grad()
def patch_count(visual: nn.Module, size: int) -> int:
    """Number of patches of an image."""
    return with_patches(visual, torch.zeros(1, 3, size, size))[1].shape[1]
