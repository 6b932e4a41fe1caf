from __future__ import annotations

import pytest
import torch

from clipn_models.model import NUM_PROMPTS, arch_config, build


def test_parameter_names_are_the_official_ones(mini_arch: str) -> None:
    names = set(build(arch_config(mini_arch)).no_parameters())
    stems = {n.split(".")[0] for n in names}
    assert stems == {"transformer_no", "token_embedding_no", "positional_embedding_no", "ln_final_no", "text_projection_no", "prompt_no"}
    assert "prompt_no" not in build(arch_config(mini_arch), learnable_prompt=False).no_parameters()


def test_no_tower_starts_as_a_copy(mini_arch: str) -> None:
    model = build(arch_config(mini_arch)).eval()
    tokens = torch.tensor([[1, 5, 6, 699]])
    with torch.no_grad():
        for p in model.no_parameters().values():
            p.normal_()
    assert not torch.equal(model.text_features(tokens, "yes"), model.text_features(tokens, "no"))
    model.start_no_from_yes()
    assert torch.equal(model.text_features(tokens, "yes"), model.text_features(tokens, "no"))


def test_the_prompt_is_the_mean_of_sixteen_at_every_position(mini_arch: str) -> None:
    model = build(arch_config(mini_arch)).eval()
    model.start_no_from_yes()
    tokens = torch.tensor([[1, 5, 6, 699]])
    with torch.no_grad():
        model.prompt_no.normal_()
        got = model.text_features(tokens, "no")
        model.positional_embedding_no += model.prompt_no.mean(0)
        model.prompt_no.zero_()
        assert torch.allclose(got, model.text_features(tokens, "no"), atol=1e-6)


def test_tokens_after_the_end_of_text_change_nothing(mini_arch: str) -> None:
    model = build(arch_config(mini_arch)).eval()
    for tower in ("yes", "no"):
        short = model.text_features(torch.tensor([[1, 5, 699]]), tower)
        padded = model.text_features(torch.tensor([[1, 5, 699] + [0] * 13]), tower)
        noise = model.text_features(torch.tensor([[1, 5, 699] + [7] * 13]), tower)
        assert torch.allclose(short, padded, atol=1e-4)
        assert torch.allclose(short, noise, atol=1e-4)


def test_drawn_prompts_are_the_sixteen_or_their_mean(mini_arch: str) -> None:
    model = build(arch_config(mini_arch))
    with torch.no_grad():
        model.prompt_no.normal_()
    drawn = model.draw_prompts(400, torch.Generator().manual_seed(0))
    choices = torch.cat([model.prompt_no, model.prompt_no.mean(0, keepdim=True)])
    matches = (drawn[:, None] == choices[None]).all(-1).all(-1)
    assert (matches.sum(1) == 1).all()
    assert matches.any(0).sum() == NUM_PROMPTS + 1


def test_unknown_architecture_is_named() -> None:
    with pytest.raises(ValueError, match="no-such-arch"):
        arch_config("no-such-arch")
    assert arch_config("ViT-B-32")["embed_dim"] == 512
