from __future__ import annotations

from pathlib import Path

import pytest

from clipn_models.templates import DEFAULT_TEMPLATES, prompts, read_templates


def test_the_lines_of_a_file_are_kept_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("\ufeff'a photo of a {}.',\r\n\r\n  'art of the {}.'  \n\t\n“{}”\u2028x".encode())
    assert read_templates(str(path)) == ["'a photo of a {}.',", "  'art of the {}.'  ", "“{}”\u2028x"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a {}\nno braces\n\na {} and a {}\n{c}", r"line 2: 'no braces' needs exactly one \{\}.*line 4: .*line 5: "),
        (b"a {}\x07", "control characters"),
        (b"a\r{}", "control characters"),
        (b"x" * 600 + b"{}", "602 characters, at most 512"),
        (b"\n \r\n", "holds no template"),
        (b"\xff{}", "not UTF-8"),
    ],
)
def test_lines_that_are_no_templates_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_templates(str(tmp_path / "t.txt"))


def test_named_lists() -> None:
    assert read_templates("default") == DEFAULT_TEMPLATES
    openai, simple = read_templates("openai"), read_templates("simple")
    assert len(openai) == 80
    assert openai[0] == "a bad photo of a {}."
    assert len(simple) == 7
    assert all(t.count("{}") == 1 for t in openai + simple)


def test_the_hand_crafted_variant_has_pairs(tmp_path: Path) -> None:
    (tmp_path / "no.txt").write_text("no {}")
    (tmp_path / "yes.txt").write_text("a {}")
    yes, no = str(tmp_path / "yes.txt"), str(tmp_path / "no.txt")
    assert prompts("default", None, "learnable") == {"yes": DEFAULT_TEMPLATES, "no": None}
    assert prompts(yes, no, "hand-crafted") == {"yes": ["a {}"], "no": ["no {}"]}
    with pytest.raises(ValueError, match="--templates-no"):
        prompts(yes, None, "hand-crafted")
    with pytest.raises(ValueError, match="come in pairs"):
        prompts("simple", no, "hand-crafted")
