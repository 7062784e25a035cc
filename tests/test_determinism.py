"""The same submission and grader give the same inputs and score, whatever else is loaded."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
import torch
from assay.course import Course
from assay.grader import grader_of
from assay.inprocess import Folder
from assay.learner import Learner
from assay.rendering import show_call

root, folder, threads, order = sys.argv[1:]
torch.set_num_threads(int(threads))
chapter = Course.find(Path(root)).chapter("ch1")
backend = Folder(Path(folder), chapter.module_of)
grader = grader_of(chapter)
asked = {}
for one in sorted(grader.properties, key=lambda one: one.name, reverse=order == "backwards"):
    heard = asked.setdefault(one.name, [])

    class Tap:
        def perform(self, request):
            heard.append(show_call(request))
            return backend.perform(request)

    try:
        one.test(Learner(Tap()))
    except Exception:
        pass
print(json.dumps(asked, sort_keys=True))
"""

RIGHT = """
def add(a, b):
    return a + b


def mean(n, default=0.0):
    return sum(n) / len(n) if n else default
"""
#: Constants that Hypothesis would harvest from a local module and try as inputs.
TEMPTING = "BAIT = [-8, -7, -6, -5, -4, 2, 3, 4, 5, 6, 7, 8]\n" + RIGHT


def asked(arith, tmp_path, source, threads=1, order="forwards", seed="0"):
    folder = tmp_path / "submission"
    folder.mkdir(exist_ok=True)
    (folder / "arith.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(arith.root), str(folder), str(threads), order],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    return json.loads(done.stdout)


def test_inputs_do_not_depend_on_the_learners_code(arith, tmp_path):
    plain = asked(arith, tmp_path, RIGHT)
    assert sum(map(len, plain.values())) > 30
    assert asked(arith, tmp_path, TEMPTING) == plain


@pytest.mark.parametrize(
    "other", [{"threads": 2}, {"order": "backwards"}, {"seed": "12345"}], ids=str
)
def test_inputs_do_not_depend_on_threads_order_or_hash_seed(arith, tmp_path, other):
    assert asked(arith, tmp_path, RIGHT, **other) == asked(arith, tmp_path, RIGHT)


def test_counterexamples_repeat(arith, tmp_path):
    wrong = RIGHT.replace("a + b", "a + b + (a > 2)")
    assert asked(arith, tmp_path, wrong) == asked(arith, tmp_path, wrong)
