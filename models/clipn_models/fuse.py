"""The transformers of a bundle's graphs in the form that ONNX Runtime computes fastest, with the same weights and the same outputs.

- Attention becomes one operator (``com.microsoft.MultiHeadAttention``) on a single query-key-value product. The plain export
  has some thirty nodes for it, which the runtime does not recognise. The runtime itself fuses layer norms, GELUs with their bias, and skip
  connections when it opens the file.
- A feature is read at one position (the class token, the end of a text). The last block computes its output and its MLP, three
  quarters of its work, for that position only.

Parameters keep their names, so a fused file can be read back like a plain one (``graphs.load_parameters``).
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from open_clip.transformer import ResidualAttentionBlock, Transformer, VisionTransformer
from torch import Tensor, nn

from .graphs import ImageGraph, TextGraph

LOWEST = -1e4
"""Added to a masked logit of attention: e^-10000 is zero in every precision, and half precision can hold it."""


class _Attention(nn.Module):
    """``nn.MultiheadAttention`` as one operator of the runtime."""

    def __init__(self, plain: nn.MultiheadAttention):
        super().__init__()
        self.in_proj_weight, self.in_proj_bias, self.out_proj = plain.in_proj_weight, plain.in_proj_bias, plain.out_proj
        self.heads = plain.num_heads

    def project(self, x: Tensor) -> tuple[Tensor, ...]:
        """[N, T, W] -> queries, keys, values, each [N, T, W]."""
        return F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, causal: bool = False) -> Tensor:
        """Queries [N, Q, W], keys and values [N, T, W], bias [N, 1, Q, T] added to the logits -> [N, Q, W]."""
        inputs = (q, k, v) if bias is None else (q, k, v, None, None, bias)
        attributes = {"num_heads": self.heads, "unidirectional": int(causal)}
        y = torch.onnx.ops.symbolic("com.microsoft::MultiHeadAttention", inputs, attributes, dtype=q.dtype, shape=q.shape, version=1)
        return self.out_proj(y)


class _Block(nn.Module):
    """A residual attention block: [N, T, W] -> [N, T, W]."""

    def __init__(self, plain: ResidualAttentionBlock):
        super().__init__()
        self.ln_1, self.attn, self.ls_1 = plain.ln_1, _Attention(plain.attn), plain.ls_1
        self.ln_2, self.mlp, self.ls_2 = plain.ln_2, plain.mlp, plain.ls_2

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        # CLIP uses the causal mask only
        x = x + self.ls_1(self.attn.attend(*self.attn.project(self.ln_1(x)), causal=attn_mask is not None))
        return x + self.ls_2(self.mlp(self.ln_2(x)))


class _LastBlock(_Block):
    """The last block, at one position of each row: [N, T, W] -> [N, 1, W].

    ``at`` int64 [N, 1]: the position in a causal text; without it the first position, for an image.
    """

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        q, k, v = self.attn.project(self.ln_1(x))
        if at is None:
            x, q, bias = x[:, :1], q[:, :1], None
        else:
            later = torch.arange(x.shape[1])[None] > at
            bias = torch.where(later, LOWEST, 0.0)[:, None, None]
            x, q = (t.gather(1, at[:, :, None].expand(-1, 1, t.shape[2])) for t in (x, q))
        x = x + self.ls_1(self.attn.attend(q, k, v, bias))
        return x + self.ls_2(self.mlp(self.ln_2(x)))


class _Text(nn.Module):
    """A ``TextGraph`` with fused blocks."""

    def __init__(self, plain: TextGraph):
        super().__init__()
        self.embedding, self.positions, self.transformer = plain.embedding, plain.positions, plain.transformer
        self.norm, self.projection = plain.norm, plain.projection

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        *blocks, last = self.transformer.resblocks
        for block in blocks:
            x = block(x, attn_mask=True)
        x = last(x, at=tokens.argmax(dim=-1, keepdim=True))
        return F.normalize(self.norm(x)[:, 0] @ self.projection, dim=-1)


def fuse(graph: nn.Module) -> nn.Module | None:
    """An ``ImageGraph`` or ``TextGraph`` in fused form, a copy, for export only; None if nothing can be fused.

    Only open_clip's own transformers with their standard block are fused. Other towers (convolutions, timm's) stay unchanged.
    """
    graph = copy.deepcopy(graph)
    if isinstance(graph, TextGraph) and _standard(graph.transformer):
        _swap(graph.transformer, one_position=True)
        return _Text(graph).eval()
    if isinstance(graph, ImageGraph) and isinstance(graph.visual, VisionTransformer) and _standard(graph.visual.transformer):
        visual = graph.visual
        # features of patches need the values of all positions, which the last block computes anyway
        _swap(visual.transformer, one_position=visual.attn_pool is None and visual.pool_type == "tok" and not visual.output_tokens)
        return graph
    return None


def _standard(transformer: nn.Module) -> bool:
    return isinstance(transformer, Transformer) and all(
        type(b) is ResidualAttentionBlock and b.attn.batch_first and b.attn.in_proj_weight is not None and not hasattr(b, "ln_1_kv")
        for b in transformer.resblocks
    )


def _swap(transformer: Transformer, one_position: bool) -> None:
    *blocks, last = transformer.resblocks
    fused = [_Block(b) for b in blocks] + [(_LastBlock if one_position else _Block)(last)]
    transformer.resblocks = nn.ModuleList(fused)
