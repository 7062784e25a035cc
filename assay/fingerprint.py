"""What a function's verdict depends on in its source: itself, what it uses, and everything that
isn't an exercise.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection
from pathlib import Path


def fingerprints(folder: Path, module: str, exercises: Collection[str]) -> dict[str, str]:
    """A hash per exercise that changes whenever its verdict may change.

    Other exercises of the module count only where they are used, directly or through others. If the
    module imports one of its siblings, these count whole. A module that can't be parsed has one
    hash for all.
    """
    source = (folder / f"{module}.py").read_bytes()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return dict.fromkeys(exercises, hashlib.sha256(source).hexdigest())
    own = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in exercises
    }
    shared = hashlib.sha256()
    for node in tree.body:
        if node not in own.values():
            shared.update(ast.dump(node).encode())
    for sibling in sorted(folder.glob("*.py")):
        if sibling.stem != module and _imports(tree, sibling.stem):
            shared.update(sibling.read_bytes())
    everywhere = _names([node for node in tree.body if node not in own.values()]) & own.keys()
    found = {}
    for name in exercises:
        digest = shared.copy()
        for used in sorted(_reachable(name, own, everywhere)):
            digest.update(ast.dump(own[used]).encode())
        found[name] = digest.hexdigest()
    return found


def _imports(tree: ast.Module, name: str) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(alias.name == name for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == name:
            return True
    return False


def _reachable(name: str, own: dict[str, ast.FunctionDef], everywhere: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = {name} & own.keys() | everywhere
    while waiting:
        found |= waiting
        waiting = (_names([own[each] for each in waiting]) & own.keys()) - found
    return found


def _names(nodes: list[ast.stmt] | list[ast.FunctionDef]) -> set[str]:
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}
