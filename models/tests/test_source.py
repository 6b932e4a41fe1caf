"""Sizes and imports of the package, read from its syntax trees."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import clipn_models

ROOT = Path(clipn_models.__file__).parent
MAX_FILE, MAX_FUNCTION = 300, 60
FILES = {path: path.read_text() for path in sorted(ROOT.rglob("*.py"))}


def functions(source: str) -> dict[str, int]:
    """Lines of each function and method, by name, heads and decorators included."""
    found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {n.name: n.end_lineno - min([n.lineno, *(d.lineno for d in n.decorator_list)]) + 1 for n in found}


def imports(module: str, source: str, modules: set[str], package: bool = False) -> set[str]:
    """Modules of ``modules`` that the source imports when it is loaded or when types are checked. Imports inside functions are left out."""
    found: set[str] = set()
    here = module.split(".") if package else module.split(".")[:-1]
    pending = list(ast.parse(source).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*here[: len(here) - node.level + 1], *([node.module] if node.module else [])]) if node.level else str(node.module)
            named = {f"{base}.{alias.name}" for alias in node.names}
            found |= named & modules or {base}
    return (found & modules) - {module}


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import themselves by way of others."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        pending = [start]
        while pending:
            for target in graph.get(pending.pop(), set()) - seen:
                seen.add(target)
                pending.append(target)
        return seen

    return sorted(module for module in graph if module in reached(module))


def test_no_file_and_no_function_is_longer_than_the_rule_allows() -> None:
    assert len(FILES) > 50
    long_files = [path.name for path, source in FILES.items() if len(source.splitlines()) > MAX_FILE]
    long_functions = [f"{path.name}: {name}" for path, source in FILES.items() for name, lines in functions(source).items() if lines > MAX_FUNCTION]
    assert (long_files, long_functions) == ([], [])


def test_modules_do_not_import_each_other_in_circles() -> None:
    names = {path: ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
    modules = set(names.values())
    graph = {names[path]: imports(names[path], source, modules, path.name == "__init__.py") for path, source in FILES.items()}
    assert "clipn_models.default.ablation" in graph["clipn_models.default.ablate"]
    assert circles(graph) == []


def test_an_installation_has_every_package() -> None:
    project = (ROOT.parent / "pyproject.toml").read_text()
    listed = re.search(r"^packages = \[(.*)\]$", project, re.MULTILINE)
    assert listed is not None
    folders = [".".join(path.parent.relative_to(ROOT.parent).parts) for path in FILES if path.name == "__init__.py"]
    assert sorted(re.findall(r'"([^"]+)"', listed[1])) == sorted(folders)


def test_the_tests_of_sizes_and_circles_see_each_form() -> None:
    assert functions("@a\ndef f():\n    pass\nclass C:\n    async def g(self):\n        pass\n") == {"f": 3, "g": 2}
    source = "from typing import TYPE_CHECKING\nfrom . import b\nfrom .. import c\nif TYPE_CHECKING:\n    from .d import D\ndef f():\n    from . import e\n"
    modules = {f"p.q.{name}" for name in "abde"} | {"p.c"}
    assert imports("p.q.a", source, modules) == {"p.q.b", "p.q.d", "p.c"}
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
