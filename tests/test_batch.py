"""Batches with the real parts: workers and runs that are killed, PostgreSQL, a Dask cluster."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from assay import jobs
from assay.batch import grade_all
from assay.executing import Here, Lost, Pool, cluster
from assay.grader import grader_of
from assay.keys import Key
from assay.result import Failure, FunctionResult, Result, Status
from assay.runs import Run
from assay.source import CourseError
from assay.submissions import submissions

RIGHT = "def add(a, b):\n    return a + b\n\n\n"
MEAN = """def mean(numbers, default=0.0):
    return sum(numbers) / len(numbers) if numbers else default
"""
WRONG = "def add(a, b):\n    return a - b\n\n\n"


def a_class(folder, count):
    for number in range(count):
        text = (RIGHT + MEAN, WRONG + MEAN, RIGHT)[number % 3]
        home = folder / f"s{number:02}"
        home.mkdir(parents=True)
        (home / "arith.py").write_text(f"{text}# {number}\n")
    # Equal files of two students are two results.
    shutil.copytree(folder / "s00", folder / "twin")
    return folder


def command(arith, folder, *rest):
    return [
        *(sys.executable, "-m", "assay", "--course", str(arith.root), "grade", "ch1", str(folder)),
        *("--unsafe-in-process", *map(str, rest)),
    ]


def plain(results):
    """Results without what the clock says."""
    text = json.dumps(results)
    found = json.loads(text)
    for one in found:
        del one["seconds"]
        for function in one["functions"].values():
            del function["seconds"]
    return found


def of_json(file):
    return plain(json.loads(Path(file).read_text())["results"])


def of_database(url):
    from assay.result import as_json

    with Run(str(url)) as run:
        return plain([as_json(one) for one in run.latest("ch1")]), len(run)


def a_result(name="ann", attempt=1, content="c", points=1.0):
    failure = Failure("p", "Σ is <b>", "r", "f(1.0) returned 2.0", None, 3, "trace\n")
    function = FunctionResult(points, 2.0, Status.PARTLY, (failure,), ("q",), 0.25, "note")
    return Result(name, "ch1", {"add": function}, ("n",), content, "g", 0.5, attempt, True, (1, 2))


def key_of(result):
    return Key(
        result.submission, result.attempt, result.content_hash, result.chapter, result.grader
    )


def check_a_run(url):
    one, two, other = a_result(), a_result(attempt=2, points=2.0), a_result(name="bob")
    with Run(url) as run:
        assert len(run) == 0 and key_of(one) not in run
        for result in (one, two, other):
            run[key_of(result)] = result
        run[key_of(one)] = a_result(points=0.0)
    with Run(url) as run:
        assert run[key_of(one)] == one, "the first finished result counts"
        assert len(run) == 3 and list(run) == [key_of(one), key_of(two), key_of(other)]
        changed = a_result(content="d", points=1.5)
        run[key_of(changed)] = changed
        assert list(run.latest("ch1")) == [changed, two, other]
        with pytest.raises(KeyError):
            run[key_of(a_result(name="cyd"))]


def test_a_run_in_sqlite(tmp_path):
    check_a_run(str(tmp_path / "new" / "runs.db"))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """The URL of a PostgreSQL cluster of our own, started here and stopped at the end."""
    places = [shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    found = [Path(one).resolve().parent for one in places if one is not None]
    found = [one for one in found if (one / "postgres").exists()]
    pytest.importorskip("psycopg")
    if not found:
        pytest.skip("PostgreSQL is not installed: no initdb")
    home = tmp_path_factory.mktemp("postgres")
    data, who = home / "data", []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(home, "postgres")
        for folder in (home, *list(home.parents)[:4]):
            if folder.owner() == "root" and folder.name.startswith(("pytest", "popen")):
                folder.chmod(0o755)
        who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(tool, *args):
        subprocess.run(
            [*who, str(found[-1] / tool), *map(str, args)],
            check=True,
            capture_output=True,
            cwd=home,
        )

    run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
    options = f"-k {home} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start")
    yield f"postgresql://postgres@/postgres?host={home}"
    run("pg_ctl", "-D", data, "-m", "fast", "stop")


def test_a_run_in_postgresql(postgres):
    check_a_run(postgres)


def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path):
    (tmp_path / "text.db").write_text("not a database, although it is a file" * 100)
    for url in (tmp_path / "text.db", "nosuch://host/x", f"postgresql://x@/x?host={tmp_path}"):
        with pytest.raises(CourseError, match="can't be opened"):
            Run(str(url))


#: Ends its process the first time that it runs with a marker.
KILL_ONCE = """
import os, pathlib
try:
    pathlib.Path({marker!r}).touch(exist_ok=False)
    os.kill(os.getpid(), 9)
except FileExistsError:
    pass
"""


def test_a_pool_survives_the_death_of_its_workers(tmp_path):
    with Pool(2, abs, 1) as pool:
        futures = [
            pool.submit(exec, KILL_ONCE.format(marker=str(tmp_path / f"{n}"))) for n in range(2)
        ]
        futures += [pool.submit(abs, -n) for n in range(20)]
        wait(futures)
        assert [one.result() for one in futures] == [None] * 2 + list(range(20))
    assert {file.name for file in tmp_path.iterdir()} == {"0", "1"}


def test_a_job_that_always_kills_is_given_up():
    with Pool(1, abs, 1) as pool:
        lost, fine = pool.submit(os._exit, 1), pool.submit(abs, -2)
        assert isinstance(lost.exception(), Lost) and fine.result() == 2


def test_half_characters_of_a_learner_stop_no_batch(arith, tmp_path):
    folder = tmp_path / "class" / "eve\udc80"
    folder.mkdir(parents=True)
    text = "def add(a, b):\n    raise ValueError(chr(0xD800) + chr(0) + 'x')\n"
    (folder / "arith.py").write_text(text)
    chapter = arith.chapter("ch1")
    found = submissions([tmp_path / "class"], chapter)
    version = jobs.version_of(grader_of(chapter), isolated=False)
    with Run(str(tmp_path / "runs.db")) as run:
        ways = {"at_once": 1, "isolated": False}
        assert [one.lost for one in grade_all(found, chapter, version, run, Here(), **ways)] == [""]
        (result,) = run.latest("ch1")
    assert result.submission == "eve\\udc80" and result.functions["add"].status == "error"


def test_a_worker_with_other_versions_refuses(arith, tmp_path):
    (found,) = submissions([a_class(tmp_path / "class", 1) / "s00"], arith.chapter("ch1"))
    (outcome,) = grade_all(
        [found], arith.chapter("ch1"), "assay 0", {}, Here(), at_once=1, isolated=False
    )
    assert "a worker has" in outcome.lost


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_rerun_grades_only_what_is_missing(arith, tmp_path, database, request):
    folder = a_class(tmp_path / "class", 3)
    url = tmp_path / "runs.db" if database == "sqlite" else request.getfixturevalue("postgres")
    rest = ("--db", url, "--json", tmp_path / "out.json", "--workers", 1)
    first = subprocess.run(command(arith, folder, *rest), capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    assert len(of_json(tmp_path / "out.json")) == 4 and "last run" not in first.stdout
    (folder / "s01" / "arith.py").write_text(RIGHT + MEAN)
    again = subprocess.run(command(arith, folder, *rest), capture_output=True, text=True)
    assert again.stdout.count("from the last run") == 3
    scores = {one["submission"]: one["score"] for one in of_json(tmp_path / "out.json")}
    assert scores == {"s00": 100, "s01": 100, "s02": 40, "twin": 100}


def test_runs_killed_at_any_moment_are_continued(arith, tmp_path):
    """The database of a run that was killed again and again equals that of an undisturbed one."""
    folder = a_class(tmp_path / "class", 5)
    quiet = command(arith, folder, "--db", tmp_path / "quiet.db", "--workers", 2)
    subprocess.run(quiet, check=True, capture_output=True)
    moments = random.Random(4)
    killed = 0
    for _ in range(2):
        process = subprocess.Popen(
            command(arith, folder, "--db", tmp_path / "killed.db", "--workers", 2),
            stdout=subprocess.PIPE,
            text=True,
        )
        wanted = moments.randint(0, 2)
        while wanted and process.stdout.readline():
            wanted -= 1
        time.sleep(moments.random() / 10)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert killed
    end = command(arith, folder, "--db", tmp_path / "killed.db", "--workers", 1)
    subprocess.run(end, check=True, capture_output=True)
    assert of_database(tmp_path / "killed.db") == of_database(tmp_path / "quiet.db")
    assert of_database(tmp_path / "killed.db")[1] == 6
    with sqlite3.connect(tmp_path / "killed.db") as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)


def test_interrupting_keeps_what_is_done(arith, tmp_path):
    folder = a_class(tmp_path / "class", 30)
    process = subprocess.Popen(
        command(arith, folder, "--db", tmp_path / "runs.db", "--workers", 2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "goes on from there" in err and "Traceback" not in err
    assert 1 <= of_database(tmp_path / "runs.db")[1] < 31


def test_a_dask_cluster_loses_nothing_when_a_process_is_killed(arith, tmp_path):
    distributed = pytest.importorskip("distributed")
    chapter = arith.chapter("ch1")
    found = submissions([a_class(tmp_path / "class", 12)], chapter)
    version = jobs.version_of(grader_of(chapter), isolated=False)
    alone, spread = {}, {}
    ways = {"at_once": 4, "isolated": False}
    list(grade_all(found, chapter, version, alone, Here(), **ways))
    local = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with local, cluster(local.scheduler_address) as (executor, slots):
        assert slots == 2
        going = grade_all(found, chapter, version, spread, executor, **ways)
        outcomes = [next(going)]
        pid = next(iter(local.workers.values())).pid
        os.kill(pid, signal.SIGKILL)
        outcomes += going
    assert not [one.lost for one in outcomes if one.lost]
    from assay.result import as_json

    assert [plain([as_json(alone[key])]) for key in alone] == [
        plain([as_json(spread[key])]) for key in alone
    ]


def test_no_scheduler_is_a_sentence():
    pytest.importorskip("distributed")
    with pytest.raises(CourseError, match="no Dask scheduler"), cluster("nonsense://x"):
        pass
