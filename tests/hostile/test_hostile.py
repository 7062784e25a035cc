"""The corpus against the wall: no undeserved point, nobody else touched, nothing left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from assay.grader import grader_of
from assay.grading import grade
from assay.sandbox import bubblewrap
from assay.sandbox.backend import Isolated, Workshop

from .corpus import ADD, FILES, HONEST, MODULE, RIGHT

pytestmark = pytest.mark.skipif(bubblewrap.problem() is not None, reason=str(bubblewrap.problem()))


@pytest.fixture(scope="module")
def workshop():
    with Workshop() as workshop:
        yield workshop


@pytest.fixture
def verdict(arith, workshop):
    chapter = arith.chapter("ch1")
    grader = grader_of(chapter)

    def verdict(files):
        sources = {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}
        with Isolated(workshop, sources, chapter.module_of, limit=0.5, total=20) as backend:
            return grade("s", chapter, grader.properties, backend.afresh, grader.diagnosis)

    return verdict


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def below(pid):
    """The processes that descend from one, by pid."""
    children = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (entry / "stat").read_text()
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        waiting += children.get(waiting[0], [])
        found += children.get(waiting.pop(0), [])
    return found


@pytest.mark.parametrize("name", ADD)
def test_an_attack_earns_nothing_and_touches_nobody(verdict, workshop, name):
    before = open_files()
    result = verdict({"arith.py": f"def add(a, b):\n    {ADD[name].strip()}\n" + HONEST})
    assert result.functions["add"].points == 0, result.functions["add"]
    assert result.functions["mean"].points == 60, result.functions["mean"]
    assert verdict({"arith.py": RIGHT}).score == 100
    assert open_files() <= before
    deadline = time.monotonic() + 10
    zygotes = below(workshop.pid)
    while len(zygotes) > 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        zygotes = below(workshop.pid)
    assert len(zygotes) <= 2, "a process was left behind"


@pytest.mark.parametrize("name", MODULE)
def test_an_attack_at_import_costs_only_itself(verdict, name):
    result = verdict({"arith.py": f"{MODULE[name]}\n" + RIGHT})
    assert result.score == 0
    assert verdict({"arith.py": RIGHT}).score == 100


@pytest.mark.parametrize("name", FILES)
def test_files_beside_the_module_change_nothing(verdict, name):
    assert verdict(FILES[name] | {"arith.py": RIGHT}).score == 100


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_the_corpus_as_an_ordinary_user():
    """The same again without root: the wall then stands on user namespaces."""
    python = reachable_python()
    if python is None:
        pytest.skip("no interpreter that an ordinary user can reach has the packages")
    with tempfile.TemporaryDirectory() as folder:
        done = run_as_nobody(python, Path(folder))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"{len(ADD) + len(MODULE) + len(FILES) + 3} passed" in done.stdout


def run_as_nobody(python, tmp_path):
    root = Path(__file__).parents[2]
    shutil.copytree(root / "tests" / "hostile", tmp_path / "tests" / "hostile")
    shutil.copy(root / "tests" / "conftest.py", tmp_path / "tests")
    shutil.copytree(root / "assay", tmp_path / "assay")
    shutil.chown(tmp_path, NOBODY, NOBODY)
    scratch = f"--basetemp={tmp_path}/scratch"
    return subprocess.run(
        [*AS_NOBODY, python, "-m", "pytest", "tests/hostile", "-q", "-rs", *QUIETLY, scratch],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *packages()]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        },
    )


NOBODY = 65534
QUIETLY = ["-p", "no:cacheprovider", "--import-mode=importlib"]
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def packages():
    return [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]


def reachable_python():
    """An interpreter that somebody without root can start, with the packages that we have."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (f"/usr/bin/{version}", str(Path(sys.executable).resolve())):
        script = "import torch, msgspec, hypothesis, pytest, rich"
        done = subprocess.run(
            [*AS_NOBODY, python, "-c", script],
            env={"PYTHONPATH": os.pathsep.join(packages())},
            cwd="/",
            capture_output=True,
        )
        if done.returncode == 0:
            return python
    return None


def test_a_zygote_that_dies_is_replaced(verdict, workshop):
    os.kill(workshop.pid, signal.SIGKILL)
    time.sleep(0.5)
    assert verdict({"arith.py": RIGHT}).score == 100
    assert workshop.warm


def test_a_cold_start_gives_the_same(arith):
    chapter = arith.chapter("ch1")
    grader = grader_of(chapter)
    with (
        Workshop(warm=False) as cold,
        Isolated(cold, {"arith.py": RIGHT.encode()}, chapter.module_of) as backend,
    ):
        result = grade("s", chapter, grader.properties, lambda _: backend, grader.diagnosis)
    assert result.score == 100


def test_scores_are_those_of_the_same_code_in_process(arith, verdict, tmp_path):
    from assay.inprocess import Folder

    chapter = arith.chapter("ch1")
    grader = grader_of(chapter)
    for source in (
        RIGHT,
        RIGHT.replace("a + b", "a - b"),
        "def add(a, b):\n    raise NotImplementedError\n",
    ):
        (tmp_path / "arith.py").write_text(source)
        here = Folder(tmp_path, chapter.module_of)
        same = grade("s", chapter, grader.properties, lambda _, b=here: b, grader.diagnosis)
        isolated = verdict({"arith.py": source})
        for function, expected in same.functions.items():
            got = isolated.functions[function]
            assert (got.points, got.status, got.failures) == (
                expected.points,
                expected.status,
                expected.failures,
            )
