"""The architecture as the imports show it: no circles, and each half minds its own business."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINE = sorted((ROOT / "assay").rglob("*.py"))


def module_of(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in ENGINE}


def imports(file, *, at_load_only):
    """Names of the modules that a file imports; at load, or anywhere in it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [*tree.body] if at_load_only else [*ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in inner)


def test_no_import_circles():
    graph = {
        module: {name for name in imports(file, at_load_only=True) if name in MODULES}
        for module, file in MODULES.items()
    }
    TopologicalSorter(graph).prepare()


def test_the_engine_imports_nothing_of_the_course():
    course = {file.stem for file in (ROOT / "solutions").rglob("*.py")}
    for module, file in MODULES.items():
        roots = {name.split(".")[0] for name in imports(file, at_load_only=False)}
        assert not roots & (course | {"solutions", "graders", "exercises", "chapters"}), module


WORDS = ("dpo", "rlhf", "kto", "ppo", "bradley", "reward model", "sycophan", "orpo")


def test_the_engine_knows_no_word_of_the_subject():
    """Docstrings may take an example from the course; code and messages may not."""
    for module, file in MODULES.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            text = ""
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = "" if id(node) in docstrings else node.value
            elif isinstance(node, ast.Name):
                text = node.id
            text = text.lower().replace("threadpool", "")
            assert not any(word in text for word in WORDS), (module, text)


def test_the_course_uses_only_what_authors_are_given():
    """Graders and examples know the judges, draws and marks of the engine, and no pytest."""
    given = {
        "assay.draws",
        "assay.judging",
        "assay.learner",
        "assay.misconceptions",
        "assay.plain",
        "assay.properties",
        "assay.prove",
        "assay.rendering",
    }
    files = [*ROOT.glob("graders/**/*.py"), *ROOT.glob("exercises/**/test_*.py")]
    files += ROOT.glob("tests/variants/*.py")
    assert files
    for file in files:
        found = set(imports(file, at_load_only=False))
        assert "pytest" not in found, file
        assert {name for name in found if name.startswith("assay")} <= given, file


@pytest.mark.parametrize("module", ["assay.pytest_plugin", "assay.cli", "assay.course"])
def test_a_light_start(module):
    """What every pytest run or command loads must not import torch, numpy or hypothesis."""
    script = (
        f"import sys, {module}\n"
        "if 'cli' in sys.argv[1]:\n"
        "    try: assay.cli.main(['--help'])\n"
        "    except SystemExit: pass\n"
        "print(*(name for name in ('torch', 'numpy', 'hypothesis') if name in sys.modules),"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, module], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.strip() == "", done.stderr
