"""Runs that are killed with SIGKILL at random moments and continued, and runs spread differently:
all must end in the same results, byte for byte apart from times.

    python benchmarks/nothing_lost.py --count 10 --kills 20
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grade_a_class import CHAPTER, MODULE, ROOT, finished, sources


def command(folder: Path, name: str, *rest: str) -> list[str]:
    place = folder.parent
    return [
        *(sys.executable, "-m", "assay", "--course", str(ROOT), "grade", CHAPTER, str(folder)),
        *("--db", str(place / f"{name}.db"), "--json", str(place / f"{name}.json"), *rest),
    ]


def without_times(file: Path) -> bytes:
    results = json.loads(file.read_bytes())["results"]
    for one in results:
        del one["seconds"]
        for function in one["functions"].values():
            del function["seconds"]
    return json.dumps(results).encode()


def quietly(arguments: list[str], **ways: object) -> None:
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, **ways)  # type: ignore[call-overload]


def spread(folder: Path) -> None:
    """Grade on a Dask cluster of two processes, and kill one when a result is there."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        process = subprocess.Popen(
            command(folder, "dask", "--scheduler", cluster.scheduler_address),
            stdout=subprocess.DEVNULL,
        )
        while not finished(folder.parent / "dask.db"):
            time.sleep(0.2)
        os.kill(next(iter(cluster.workers.values())).pid, 9)
        assert process.wait() == 0


def killed(folder: Path, kills: int) -> tuple[int, int]:
    """Kill a run again and again; how often it was in the midst, and how many results it had."""
    moments = random.Random(2026)
    database = folder.parent / "killed.db"
    struck = 0
    for number in range(kills):
        process = subprocess.Popen(
            command(folder, "killed", "--workers", "1"), stdout=subprocess.DEVNULL
        )
        # From before the first import to some results further, and into the writing of one.
        wanted = finished(database) + moments.choice((0, 1))
        delay = moments.uniform(0.0, 3.0)
        started = time.monotonic()
        while process.poll() is None and (
            time.monotonic() - started < delay or finished(database) < wanted
        ):
            time.sleep(0.002)
        if process.poll() is None:
            process.kill()
            struck += 1
        process.wait()
        print(f"kill {number + 1}: {finished(database)} results are kept", flush=True)
    return struck, finished(database)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--kills", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "class")
        for number, source in enumerate(sources(args.count)):
            (folder / f"s{number:04}").mkdir(parents=True)
            (folder / f"s{number:04}" / f"{MODULE}.py").write_text(source)
        quietly(command(folder, "one", "--workers", "1"))
        expected = without_times(Path(place, "one.json"))
        struck, kept = killed(folder, args.kills)
        quietly(command(folder, "killed", "--workers", "2"))
        same = without_times(Path(place, "killed.json")) == expected
        rows = finished(Path(place, "killed.db"))
        print(f"{struck} runs killed, {kept} results kept, then {rows} rows; equal: {same}")
        quietly(command(folder, "two", "--workers", "2"))
        print("two workers equal:", without_times(Path(place, "two.json")) == expected, flush=True)
        spread(folder)
        print("Dask, one killed, equal:", without_times(Path(place, "dask.json")) == expected)


if __name__ == "__main__":
    main()
