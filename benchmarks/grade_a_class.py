"""A class of N submissions graded in one run: rate, and the memory of every trusted process.

    python benchmarks/grade_a_class.py --count 1000 --workers 2

A fifth each of the class is right, has a known misconception, is half done, has not begun, or is
hostile; no two files are equal. The sandboxes' memory is bounded elsewhere and not counted here.
"""

from __future__ import annotations

import argparse
import ast
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHAPTER = "ch4"
MODULE = "dpo"
HOSTILE = (
    "import os\nos._exit(0)\n",
    "import sys\nsys.exit(0)\n",
    "raise BaseException('x' * 100_000)\n",
    "print('x' * 10_000_000)\n",
    "import builtins\nbuiltins.abs = lambda x: 0\n",
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
    "class E:\n    __eq__ = lambda s, o: True\ndef dpo_loss(*a, **k):\n    return E()\n",
    "def dpo_loss(*a, **k):\n    import os\n    os._exit(3)\n",
)


def sources(count: int) -> list[str]:
    """``count`` different files."""
    right = (ROOT / "solutions" / CHAPTER / f"{MODULE}.py").read_text()
    half = (ROOT / "samples" / "half_right" / f"{MODULE}.py").read_text()
    stub = (ROOT / "exercises" / CHAPTER / f"{MODULE}.py").read_text()
    file = (ROOT / "graders" / CHAPTER / "misconceptions.py").read_text()
    tree = ast.parse(file)
    wrong = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            mark = node.decorator_list[0]
            assert isinstance(mark, ast.Call) and isinstance(mark.args[0], ast.Constant)
            name = mark.args[0].value
            node.name, node.decorator_list = str(name), []
            wrong.append("import torch.nn.functional as F\n" + ast.unparse(node))
    found = []
    for number in range(count):
        turn = number // 5
        text = (
            right,
            right + "\n\n" + wrong[turn % len(wrong)],
            half,
            stub,
            right + "\n\n" + HOSTILE[turn % len(HOSTILE)],
        )[number % 5]
        found.append(f"{text}\n# student {number}\n")
    return found


def resident(pid: int) -> float:
    """MB of a process that are in memory now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def workers_of(pid: int) -> list[int]:
    """The trusted worker processes, not the sandboxes below them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in command:
            found.append(int(entry.name))
    return found


def finished(database: Path) -> int:
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return int(connection.execute("select count(*) from results").fetchone()[0])
    except sqlite3.Error:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, database, out = Path(place, "class"), Path(place, "runs.db"), Path(place, "o.json")
        for number, source in enumerate(sources(args.count)):
            (folder / f"s{number:04}").mkdir(parents=True)
            (folder / f"s{number:04}" / f"{MODULE}.py").write_text(source)
        command = ["-m", "assay", "--course", ROOT, "grade", CHAPTER, folder, "--json", out]
        command += ["--db", database, "--workers", str(args.workers)]
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], stdout=subprocess.DEVNULL, cwd=ROOT
        )
        next_mark, peak = 100, 0.0
        while process.poll() is None:
            time.sleep(1)
            parent = resident(process.pid)
            pool = [resident(pid) for pid in workers_of(process.pid)]
            peak = max([peak, parent, *pool])
            done = finished(database)
            if done >= next_mark:
                seconds = time.monotonic() - started
                shown = ", ".join(f"{one:.0f}" for one in pool)
                print(
                    f"{done:>5} done  {60 * done / seconds:>5.0f} a minute  "
                    f"parent {parent:.0f} MB  workers {shown} MB",
                    flush=True,
                )
                next_mark += 100
        seconds = time.monotonic() - started
        results = json.loads(out.read_text())["results"]
        scores = sorted({one["score"] for one in results})
        print(
            f"exit {process.returncode}: {len(results)} results in {seconds:.0f} s, "
            f"{60 * len(results) / seconds:.0f} a minute; trusted peak {peak:.0f} MB; "
            f"{len(scores)} different scores from {scores[0]:g} to {scores[-1]:g}"
        )


if __name__ == "__main__":
    main()
