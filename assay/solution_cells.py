"""A notebook's solution cells as the modules that they stand for.

A cell belongs to an exercise by its nbgrader id, ``solution-FUNCTION``. Of other cells only
imports and definitions count, since all else (plots, tries, downloads) is no part of an answer.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

from assay.course import Chapter

PREFIX = "solution-"


class NotANotebook(ValueError):
    """The file is not a notebook; the message says how."""


def modules_of(data: bytes, chapter: Chapter) -> tuple[dict[str, bytes], list[str]]:
    """The modules of the chapter that the cells of a notebook make up, and what was left out.

    Raises:
        NotANotebook: the file can't be read as one.
    """
    solutions: dict[str, str] = {}
    around: list[str] = []
    notes: list[str] = []
    module_of = chapter.module_of
    for id, source in _code_cells(data):
        function = id.removeprefix(PREFIX)
        if id.startswith(PREFIX) and function in module_of:
            try:
                ast.parse(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                line = getattr(error, "lineno", None)
                where = f", line {line}" if line else ""
                notes.append(f"the cell of {function}{where} is not Python: {error}")
                continue
            solutions[function] = source
        else:
            around += _definitions(source)
    modules = {}
    for module in chapter.modules:
        own = [name for name in solutions if module_of[name] == module]
        if own:
            text = "\n\n".join([*around, *(solutions[name] for name in own)])
            modules[f"{module}.py"] = (text + "\n").encode("utf-8", "replace")
    return modules, notes


def _code_cells(data: bytes) -> Iterator[tuple[str, str]]:
    """The nbgrader id (may be empty) and the source of each code cell that is no test."""
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotANotebook(f"it is not a notebook ({str(error)[:80]})") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise NotANotebook("it is not a notebook: it has no cells")
    for cell in cells:
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        grading = _inner(_inner(cell, "metadata"), "nbgrader")
        id = grading.get("grade_id")
        if isinstance(source, str) and not (grading.get("grade") and not grading.get("solution")):
            yield id if isinstance(id, str) else "", _plain_python(source)


def _inner(value: dict[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _plain_python(source: str) -> str:
    """The source without the notebook's own commands, line numbers kept."""
    return "\n".join(
        f"# {line}" if line.startswith(("%", "!", "?")) else line for line in source.split("\n")
    )


def _definitions(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
        for node in tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
                yield ast.unparse(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
