"""Reports: nothing of a learner acts, nothing hidden shows, and the pages hold in a browser."""

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from assay.cli import main
from assay.likeness import pairs, sketch
from assay.reports import pages, systems, tables
from assay.reports.reading import counted, read_results
from assay.reports.revealing import LEVELS
from assay.result import Failure, FunctionResult, Result, Status, as_json
from assay.source import CourseError

EVIL = "<script>alert(1)</script>\x1b[31m\u202e'\"&|`*\ud800"
HIDDEN = "add(0.0, 1.0) returned 2.0"


@pytest.fixture
def chapter(arith):
    return arith.chapter("ch1")


def a_result(name="ann", points=30.0, attempt=1, notes=(), sketch=()):
    failure = Failure("test_p", "A sum & more.", "number 2.0", HIDDEN, "A mix-up.", 3, "trace")
    status = Status.PASSED if points == 40 else Status.PARTLY
    add = FunctionResult(points, 40.0, status, (failure,) if points < 40 else (), ("q",))
    mean = FunctionResult(0.0, 60.0, Status.NOT_STARTED, (), (), note="not started yet")
    functions = {"add": add, "mean": mean}
    return Result(name, "ch1", functions, notes, "c", "g", 1.0, attempt, False, sketch)


def evil():
    failure = Failure("test_p", "A sum.", EVIL, EVIL, EVIL, 3, EVIL)
    add = FunctionResult(0.0, 40.0, Status.FAILED, (failure,))
    return replace(a_result("=cmd|" + EVIL, notes=(EVIL,)), functions={"add": add})


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "href"), (tag, name, value)


def test_pages_escape_all_that_learners_write(chapter):
    for page in (
        pages.feedback(evil(), chapter, "counterexample"),
        pages.class_page([evil(), a_result()], chapter),
    ):
        assert {"main", "li"} <= Tags(page).seen and "&lt;li&gt;" not in page
        assert "script" not in Tags(page).seen and "&lt;script&gt;" in page
        assert "\x1b" not in page and "\u202e" not in page and "\ud800" not in page
        page.encode()
        assert "http://" not in page and "https://" not in page


@pytest.mark.parametrize("level", LEVELS)
def test_no_report_says_more_than_the_level(chapter, level):
    result = a_result()
    for text in (
        pages.feedback(result, chapter, level),
        systems.as_gradescope(result, chapter, level),
        systems.as_junit([result], level),
        systems.as_summary([result], chapter, level).replace("\\", ""),
    ):
        assert ("A sum &" in text) == (level != "nothing")
        assert ("A mix-up" in text) == (level != "nothing")
        assert (HIDDEN in text) == (level == "counterexample")
        assert "trace" not in text and "30" in text


def test_the_table_holds_no_formula_and_survives_odd_names(chapter):
    names = ["=1+1", "+1", "-1", "@x", "\t=1", "＝1", 'Doe, "Ann"\n', "plain"]
    rows = list(csv.DictReader(io.StringIO(tables.as_csv([a_result(n) for n in names], chapter))))
    assert len(rows) == len(names)
    assert all(row["submission"].strip()[0] not in "=+-@＝" for row in rows)
    assert rows[6]["submission"] == 'Doe, "Ann" ' and rows[7]["submission"] == "plain"
    assert float(rows[7]["score"]) == 30 and rows[7]["mean status"] == "not_started"


def test_other_systems_can_read_it(chapter):
    document = json.loads(systems.as_gradescope(a_result(), chapter))
    assert document["score"] == 30 and [one["max_score"] for one in document["tests"]] == [40, 60]
    root = ET.fromstring(systems.as_junit([evil(), a_result()], "counterexample").encode())
    assert [suite.get("failures") for suite in root] == ["1", "2"]
    summary = systems.as_summary([evil()], chapter, "counterexample")
    assert "<script" not in summary and "\x1b" not in summary
    rows = [line for line in summary.splitlines() if line.startswith("| `add`")]
    assert len(rows) == 1 and rows[0].replace("\\|", "").count("|") == 5


def test_the_policy_chooses_the_attempt():
    results = [a_result(points=p, attempt=n) for n, p in ((3, 10.0), (1, 20.0), (2, 20.0))]
    assert [one.attempt for one in counted([*results, a_result("bob")], "last")] == [3, 1]
    assert [one.attempt for one in counted([*results, a_result("bob")], "best")] == [1, 1]


def test_names_of_pages_are_safe_and_different():
    taken = set()
    names = ["a/b", "a b", "../../x", "", "A b", "é", "x" * 300]
    made = [pages.file_name(name, 1, taken) for name in names]
    assert len({name.casefold() for name in made}) == len(names)
    assert all("/" not in name and not name.startswith(".") for name in made)


COPIED = """
def add(a, b):
    total = 0
    for part in (a, b):
        if part != 0:
            total = total + part * (1 if part > 0 else 1)
    while total > 10 ** 9:
        total = total - 0
        break
    return float(total)
"""


def test_renaming_hides_no_likeness_and_the_crowd_is_no_finding():
    renamed = COPIED.replace("total", "zusammen").replace("part", "q") + "# mine\n"
    common = "def mean(n, default=0.0):\n    return sum(n) / len(n) if n else default\n" * 3
    others = {f"s{n}": sketch({"a.py": common.encode()}) for n in range(12)}
    found = pairs(
        {
            "ann": sketch({"a.py": (COPIED + common).encode()}),
            "bob": sketch({"a.py": (renamed + common).encode()}),
            **others,
        }
    )
    assert [(pair.one, pair.other) for pair in found] == [("ann", "bob")]


def test_results_are_read_back(tmp_path):
    file = tmp_path / "results.json"
    result = a_result(notes=("n",), sketch=(1, 2))
    file.write_text(json.dumps({"results": [as_json(result)]}))
    (back,) = read_results(file)
    assert as_json(back) == as_json(result)
    file.write_text("{}")
    with pytest.raises(CourseError, match="not results"):
        read_results(file)


def write(arith, tmp_path, *results):
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"results": [as_json(one) for one in results]}))
    out = tmp_path / "out"
    root = str(arith.root)
    assert main(["--course", root, "report", "ch1", str(out), "--json", str(file)]) == 0
    return out


def test_the_command_writes_all_of_it(arith, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "job.md"))
    out = write(arith, tmp_path, a_result(), a_result("bob", 40.0))
    made = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert made == {
        *("class.html", "scores.csv", "junit.xml", "summary.md"),
        *("feedback/ann.html", "feedback/bob.html"),
        *("gradescope/ann.json", "gradescope/bob.json"),
    }
    assert (tmp_path / "job.md").read_text() == (out / "summary.md").read_text()
    assert "2 students" in capsys.readouterr().out


def test_no_run_yet_is_a_sentence(arith, tmp_path, capsys):
    assert main(["--course", str(arith.root), "report", "ch1", str(tmp_path / "out")]) == 2
    assert "there is no run yet" in capsys.readouterr().err


def test_the_gradescope_autograder_grades(arith, tmp_path):
    """Its zip is unpacked where Gradescope would, but for the place, and run."""
    zipped = tmp_path / "autograder.zip"
    root = str(arith.root)
    arguments = ["--course", root, "gradescope", "ch1", str(zipped), "--unsafe-in-process"]
    assert main(arguments) == 0
    home = tmp_path / "autograder"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(home / "source")
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111
    (home / "submission").mkdir()
    (home / "submission" / "arith.py").write_text("def add(a, b):\n    return a + b\n")
    tools = home / "venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "assay").write_text(f'#!/bin/sh\nexec {sys.executable} -m assay "$@"\n')
    (tools / "assay").chmod(0o755)
    script = (home / "source" / "run_autograder").read_text().replace("/autograder", str(home))
    env = {**os.environ, "PYTHONPATH": str(home / "source")}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = json.loads((home / "results" / "results.json").read_text())
    assert document["score"] == 40, done.stdout


@pytest.mark.parametrize("page", ["class.html", "feedback/ann.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_in_a_browser(arith, tmp_path, browser, page, scheme):
    """On a phone: no violation that axe-core finds, no sideways scroll, no request, no script."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    out = write(arith, tmp_path, a_result(notes=("a note " + "x" * 200,)), evil())
    context = browser.new_context(
        viewport={"width": 360, "height": 700}, color_scheme=scheme, bypass_csp=True
    )
    tab = context.new_page()
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: pytest.fail("a learner's script ran"))
    tab.goto((out / page).as_uri())
    assert len(asked) == 1
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    violations = axe.Axe().run(tab).response["violations"]
    assert not violations, [(one["id"], one["help"]) for one in violations]
    context.close()
