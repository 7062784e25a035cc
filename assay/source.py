"""A course's Python files, read as text and syntax trees, never run."""

import ast
from pathlib import Path

__all__ = [
    "CourseError",
    "Definition",
    "definition",
    "first_line",
    "last_line",
    "named",
    "parse",
    "place",
    "signature",
]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class CourseError(Exception):
    """A course's files are not what they must be: one sentence, which says where."""


def parse(file: Path, root: Path) -> ast.Module | None:
    """The syntax tree of a file of the course at ``root``, or None where there is no such file.

    Raises:
        CourseError: The file is not Python; the message starts with its name and the line.
    """
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except FileNotFoundError:
        return None
    except SyntaxError as error:
        raise CourseError(f"{place(file, root, error.lineno)}: {error.msg}") from error
    except ValueError as error:
        # Null bytes: not a SyntaxError before Python 3.12.
        raise CourseError(f"{place(file, root)}: {error}") from error


def named(tree: ast.Module, name: str) -> list[Definition]:
    """Every definition of ``name`` at the top level of a module, in order."""
    return [node for node in tree.body if isinstance(node, Definition) and node.name == name]


def definition(tree: ast.Module, name: str) -> Definition | None:
    """The definition of ``name`` that holds once the module has run: the last one."""
    found = named(tree, name)
    return found[-1] if found else None


def first_line(node: ast.stmt) -> int:
    """The line where a statement starts, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(node: ast.stmt) -> int:
    """The line where a statement ends."""
    return node.end_lineno or node.lineno


def signature(node: ast.FunctionDef) -> str:
    """A function's name, arguments and result, as one line of source."""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){result}"


def place(file: Path, root: Path, line: int | None = None) -> str:
    """A file of the course as messages name it: ``solutions/ch4/dpo.py:12``."""
    name = file.relative_to(root).as_posix()
    return name if line is None else f"{name}:{line}"
