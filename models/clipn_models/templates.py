"""Prompt templates of a bundle: from a file without changes, from open_clip's own lists, or this package's default."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

DEFAULT_TEMPLATES = ["a photo of a {}.", "a picture of a {}.", "a small photo of a {}.", "a close-up photo of a {}.", "this is a {}.", "a {}"]
"""The templates of an exported bundle unless others are named."""
MAX_LENGTH = 512
"""Characters of a template that the service accepts."""

LISTS = ("default", "openai", "simple")


def read_templates(source: str) -> list[str]:
    """Templates, each with one ``{}`` where the class name goes.

    ``source`` is "openai" (open_clip's 80 ImageNet templates), "simple" (its 7), "default" (this package's), or a file with one
    template per line. A file is used unchanged: quotes, commas and blanks are part of a template; only line ends (LF or
    CRLF), empty lines and a byte order mark are not. Raises ValueError with every line that is not a template.
    """
    if source == "default":
        return list(DEFAULT_TEMPLATES)
    if source in LISTS:
        import open_clip

        named = {"openai": open_clip.OPENAI_IMAGENET_TEMPLATES, "simple": open_clip.SIMPLE_IMAGENET_TEMPLATES}[source]
        return [template("{}") for template in named]  # functions of the class name
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"templates {source!r}: neither a file nor one of the lists {', '.join(LISTS)}")
    try:
        lines = re.split(r"\r?\n", path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from error
    numbered = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    faults = [f"line {i}: {fault}" for i, line in numbered if (fault := template_fault(line))]
    if faults or not numbered:
        raise ValueError(f"{path}: {'; '.join(faults) or 'holds no template'}")
    return [line for _, line in numbered]


def template_fault(template: str) -> str | None:
    """The fault of a template; the service has the same rules."""
    if template.count("{}") != 1:
        return f"{template!r} needs exactly one {{}} where the class name goes"
    if len(template) > MAX_LENGTH:
        return f"has {len(template)} characters, at most {MAX_LENGTH} are accepted"
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in template):
        return f"{template!r} has control characters in it"
    return None


def prompts(templates: str, templates_no: str | None, variant: str) -> dict[str, list[str] | None]:
    """The manifest's templates {"yes", "no"}. The hand-crafted variant needs prompts for both encoders, in pairs."""
    if variant == "hand-crafted" and templates_no is None:
        raise ValueError("the hand-crafted variant has prompts of its own for the no encoder: give them with --templates-no")
    yes = read_templates(templates)
    no = None if templates_no is None else read_templates(templates_no)
    if no is not None and len(no) != len(yes):
        raise ValueError(f"{len(yes)} templates and {len(no)} templates for the no encoder: they come in pairs")
    return {"yes": yes, "no": no}
