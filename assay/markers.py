"""From a solution to its stub: what stands between the markers is taken out.

A solution marks what learners write themselves::

    def double(x: float) -> float:
        \"\"\"Twice x.\"\"\"
        ### BEGIN SOLUTION
        return 2 * x
        ### END SOLUTION

In a function the marked statements become ``raise NotImplementedError``; anywhere else they vanish.
All else stays as it is written. The markers are nbgrader's, so that one source serves both.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from assay.source import CourseError, first_line, last_line

__all__ = ["BEGIN", "END", "marked", "stub_source"]

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"


def stub_source(source: str, filename: str) -> str:
    """The stub of a solution.

    Args:
        source: the solution module's text.
        filename: its name, for messages.

    Raises:
        CourseError: The source is not Python, a marker is misspelt or has no partner, or a region
            does not cover whole statements of one block. The message gives file and line.
    """
    source = source.replace("\r\n", "\n")
    tree = _parsed(source, filename)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    lines = source.split("\n")
    # From the last region to the first, so that line numbers stay true.
    for begin, end in reversed(_regions(tokens, filename)):
        block = _marked_block(tree, tokens, begin, end, filename)
        if block.function is None:
            lines = _joined(lines[: begin - 1], lines[end:])
        else:
            todo = f'{" " * block.indent}raise NotImplementedError("write {block.function} here")'
            lines[begin - 1 : end] = [todo]
    stub = "\n".join(lines)
    _parsed(stub, filename)
    return stub


def marked(source: str, filename: str) -> list[str]:
    """What stands between the markers: the text of each region.

    Raises:
        CourseError: See `stub_source`.
    """
    lines = source.replace("\r\n", "\n").split("\n")
    tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline))
    return ["\n".join(lines[begin : end - 1]) for begin, end in _regions(tokens, filename)]


@dataclass(frozen=True)
class _Block:
    """The statements that a region covers, by their first and last lines, and their function."""

    indent: int
    spans: tuple[tuple[int, int], ...]
    function: str | None


def _parsed(source: str, filename: str) -> ast.Module:
    try:
        return ast.parse(source, filename)
    except SyntaxError as error:
        raise CourseError(f"{filename}:{error.lineno}: {error.msg}") from error


def _regions(tokens: list[tokenize.TokenInfo], filename: str) -> list[tuple[int, int]]:
    """The lines of each pair of markers. Only comments count, so a text may speak of markers."""
    regions = []
    begin: int | None = None
    for token in tokens:
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        words = token.string.upper().strip("# ")
        alone = not token.line[: token.start[1]].strip()
        if not words.startswith(("BEGIN SOLUTION", "END SOLUTION")):
            continue
        if token.string.rstrip() not in (BEGIN, END) or not alone:
            # A near miss would hand the solution out.
            raise CourseError(
                f"{filename}:{line}: a marker is written {BEGIN} or {END}, alone on its line"
            )
        if token.string.rstrip() == BEGIN:
            if begin is not None:
                raise CourseError(
                    f"{filename}:{line}: {BEGIN} inside the region that begins in line {begin}"
                )
            begin = line
        elif begin is None:
            raise CourseError(f"{filename}:{line}: {END} without {BEGIN}")
        else:
            regions.append((begin, line))
            begin = None
    if begin is not None:
        raise CourseError(f"{filename}:{begin}: {BEGIN} without {END}")
    return regions


def _marked_block(
    tree: ast.Module, tokens: list[tokenize.TokenInfo], begin: int, end: int, filename: str
) -> _Block:
    blocks = list(_covered(tree, begin, end, None))
    spans = blocks[0].spans if len(blocks) == 1 else ()
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for token in tokens:
        line = token.start[0]
        if not begin < line < end or token.type in layout or token.string == ";":
            continue
        if not any(first <= line <= last for first, last in spans):
            spans = ()
            break
    if not spans:
        raise CourseError(
            f"{filename}:{begin}: the region that begins here must cover whole statements, "
            "one or more, of one block"
        )
    return blocks[0]


def _covered(node: ast.AST, begin: int, end: int, function: str | None) -> Iterator[_Block]:
    """Each block that has statements of its own between the lines, outermost ones only."""
    for _, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        inside = [
            child
            for child in children
            if isinstance(child, ast.stmt) and begin < first_line(child) and last_line(child) < end
        ]
        if inside:
            spans = tuple((first_line(child), last_line(child)) for child in inside)
            yield _Block(inside[0].col_offset, spans, function)
        for child in children:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child not in inside:
                yield from _covered(child, begin, end, child.name)
            elif isinstance(child, ast.AST) and child not in inside:
                yield from _covered(child, begin, end, function)


def _joined(before: list[str], after: list[str]) -> list[str]:
    """The lines around something that vanished, with the larger of the two gaps between them."""
    gaps = 0, 0
    while before and not before[-1].strip():
        gaps = gaps[0] + 1, gaps[1]
        before = before[:-1]
    while after and not after[0].strip():
        gaps = gaps[0], gaps[1] + 1
        after = after[1:]
    if not (before and after):
        return [*before, *after] if after else [*before, ""]
    return [*before, *[""] * max(gaps), *after]
