"""Small wrong changes to the reference, to find what the hidden properties would not notice.

Tools that mutate whole packages start a test run per mutant, or patch modules on disk; a reference
function is some ten lines, so the mutants are made here from its syntax tree and judged in this
process.
"""

from __future__ import annotations

import ast
import copy
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from assay.course import Chapter
from assay.grader import grader_of
from assay.grading import check
from assay.inprocess import Functions
from assay.learner import Learner

#: CPU seconds for one call of a mutant: many of them never end.
LIMIT = 2.0


@dataclass(frozen=True)
class Mutant:
    """One changed reference function.

    Attributes:
        function: the exercise whose body was changed.
        change: the changed statement, before and after.
        implementation: the changed function.
    """

    function: str
    change: str
    implementation: Callable[..., Any]


@dataclass(frozen=True)
class Outcome:
    """Whether a mutant was noticed; ``reason`` says why one that wasn't is equivalent, if it is
    declared so.
    """

    mutant: Mutant
    caught: bool
    reason: str | None = None


def mutate(chapter: Chapter, functions: tuple[str, ...] = ()) -> Iterator[Outcome]:
    """Judge every mutant of a chapter's reference functions."""
    torch.set_num_threads(1)
    properties = grader_of(chapter).properties
    excused = equivalents(chapter.root / "tests" / "equivalent_mutants.toml")
    for exercise in chapter.exercises:
        if functions and exercise.function not in functions:
            continue
        own = [one for one in properties if one.function == exercise.function]
        file = chapter.solution_dir / f"{exercise.module}.py"
        for mutant in mutants(file, exercise.function):
            learner = Learner(Functions({mutant.function: mutant.implementation}, LIMIT))
            result = check(mutant.function, exercise.points, own, learner)
            caught = result.points < exercise.points
            yield Outcome(mutant, caught, excused.get((mutant.function, mutant.change)))


def equivalents(file: Path) -> dict[tuple[str, str], str]:
    """The mutants that are declared equivalent to their reference, with the reason."""
    if not file.exists():
        return {}
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return {(one["function"], one["change"]): one["reason"] for one in table["equivalent"]}


def mutants(file: Path, function: str) -> Iterator[Mutant]:
    """Every mutant of one function of a source file."""
    module = ast.parse(file.read_text(encoding="utf-8"), str(file))
    at = next(
        i
        for i, node in enumerate(module.body)
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    seen = {ast.dump(module.body[at])}
    for changed, change in _changes(module.body[at]):
        if ast.dump(changed) in seen:
            continue
        seen.add(ast.dump(changed))
        mutated = copy.copy(module)
        mutated.body = [*module.body]
        mutated.body[at] = ast.fix_missing_locations(changed)  # type: ignore[call-overload]
        namespace: dict[str, Any] = {"__name__": file.stem}
        exec(compile(mutated, str(file), "exec"), namespace)
        yield Mutant(function, change, namespace[function])


def _changes(function: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Copies of the function with one change each, with a line that describes it."""
    for path, node in _nodes(function, ()):
        for replacement in _replacements(node):
            changed = copy.deepcopy(function)
            _put(changed, path, replacement)
            before, after = _statement(function, path), _statement(changed, path)
            yield changed, f"{before}  =>  {after}"


def _nodes(node: ast.AST, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for at, child in children:
            if isinstance(child, ast.Raise) or not isinstance(child, ast.AST):
                continue
            here = (*path, (name, at))
            yield here, child
            yield from _nodes(child, here)


def _put(root: ast.AST, path: tuple[Any, ...], replacement: ast.AST | None) -> None:
    for name, at in path[:-1]:
        root = getattr(root, name) if at is None else getattr(root, name)[at]
    name, at = path[-1]
    if at is None:
        setattr(root, name, replacement)
    else:
        getattr(root, name)[at] = ast.Pass() if replacement is None else replacement


def _statement(root: ast.AST, path: tuple[Any, ...]) -> str:
    """First line of the innermost statement on a path."""
    found = root
    for name, at in path:
        root = getattr(root, name) if at is None else getattr(root, name)[at]
        if isinstance(root, (ast.stmt, ast.arguments)):
            found = root
    return ast.unparse(found).split("\n")[0]


_SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}

_NAMES = {
    "mean": "sum",
    "sum": "mean",
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "argmax": "argmin",
    "argmin": "argmax",
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
    "append": "extend",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
}


def _replacements(node: ast.AST) -> Iterator[ast.AST | None]:
    """What may stand in the place of a node; None deletes a statement."""
    for swap in _SWAPS.get(type(node), ()):
        yield swap()
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, (int, float)):
            yield ast.Constant(node.value + 1)
            if isinstance(node.value, float) and node.value != 0:
                yield ast.Constant(node.value / 2)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Call):
        yield from _other_calls(node)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
        yield node.body
        yield node.orelse
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        if isinstance(node, ast.AugAssign):
            yield None
    elif isinstance(node, (ast.If, ast.While)):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield None
    elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
        yield None
    elif isinstance(node, ast.BinOp):
        yield node.left
        yield node.right


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    """The same call by a sibling's name, without a keyword, or what it was called on."""
    called = node.func
    if isinstance(called, ast.Attribute):
        if called.attr in _NAMES:
            other = ast.Attribute(called.value, _NAMES[called.attr], called.ctx)
            yield ast.Call(other, node.args, node.keywords)
        if not (
            isinstance(called.value, ast.Name) and called.value.id in ("torch", "np", "F", "math")
        ):
            yield called.value
        elif len(node.args) == 1:
            yield node.args[0]
    elif isinstance(called, ast.Name):
        if called.id in _NAMES:
            yield ast.Call(ast.Name(_NAMES[called.id], ast.Load()), node.args, node.keywords)
        if len(node.args) == 1:
            yield node.args[0]
    for at in range(len(node.keywords)):
        yield ast.Call(called, node.args, node.keywords[:at] + node.keywords[at + 1 :])
