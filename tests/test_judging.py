"""Judges: what agrees, what doesn't, and what the learner is told."""

import math

import numpy as np
import pytest
import torch
from torch import tensor

from assay.calling import Raised, Reply, Request
from assay.judging import agree, finite, is_float, keeps_dtype, no_gradient, rejects, untouched
from assay.learner import Call, Falsified

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (1.0, 1.0 + 5e-7),
        (0, 0.0),
        (tensor(2.0), 2.0),
        (tensor([1.0, INF]), tensor([1.0, INF])),
        (tensor([NAN]), tensor([NAN])),
        (tensor([1.00001]), tensor([1.0])),
        (tensor([1, 0]), tensor([True, False])),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        ((1.0, [2.0, "a"]), [1.0, (2.0, "a")]),
        (np.array(3.0), 3.0),
        (2, np.int64(2)),
        (None, None),
        ({"a": 1.0}, {"a": 1.0}),
    ],
)
def test_agreement(actual, expected):
    agree(actual, expected)


@pytest.mark.parametrize(
    ("actual", "expected", "reason"),
    [
        (1.0, 1.0 + 5e-6, "another number"),
        (INF, 1e300, "another number"),
        (NAN, 1.0, "another number"),
        (tensor([1.0]), tensor(1.0), r"shape should be \(\)"),
        (tensor([1.0, 2.0]), tensor([1.0, 3.0]), "entry 1 is 2.0 instead of 3.0"),
        (1.0, tensor(1.0), "should be a tensor"),
        (tensor([1.0]), np.array([1.0]), "NumPy array; it is a tensor"),
        ([[1.0], [1.0, 2.0]], np.array([1.0]), "unequal rows"),
        (None, tensor(1.0), "is a return missing"),
        (True, 1, "another answer"),
        (1.0, 1, "another answer"),
        ("a", 1.0, "should be a number"),
        ([1.0], [1.0, 2.0], "2 items"),
        ([1.0, "b"], [1.0, "a"], "item 1: another answer"),
        (tensor([0.5, 1.0]), tensor([True, False]), "True or False"),
        (tensor([1.0 + 1e-5], dtype=torch.float64), tensor([1.0], dtype=torch.float64), "entry 0"),
    ],
)
def test_disagreement_says_why(actual, expected, reason):
    with pytest.raises(Falsified, match=reason):
        agree(actual, expected)


def test_digits_mean_rounding_to_so_many_decimals():
    agree(tensor(0.38687), tensor(0.3869), digits=4)
    with pytest.raises(Falsified):
        agree(tensor(0.3868), tensor(0.3869), digits=4)


def test_scale_gives_room_where_large_numbers_cancel():
    agree(1e-9, 0.0, scale=1e4)
    with pytest.raises(Falsified):
        agree(1e-9, 0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: finite(tensor([1.0, INF])),
        lambda: finite(None),
        lambda: keeps_dtype(torch.zeros(1), torch.float64),
        lambda: is_float(tensor(1.0)),
        lambda: is_float(True),
        lambda: no_gradient(None, tensor([1e-300], dtype=torch.float64)),
        lambda: no_gradient(tensor([NAN])),
    ],
)
def test_the_other_judges_refuse(wrong):
    with pytest.raises(Falsified):
        wrong()


def call(kind=None, message="", bases=(), changed=()):
    raised = None if kind is None else Raised(kind, (kind, *bases), message)
    return Call(Request("f"), Reply(1.0, changed=changed, raised=raised))


def test_rejects_wants_a_value_error_on_purpose():
    rejects(call("ValueError", "beta must be positive"), naming="beta")
    rejects(call("mine.BadBeta", "Label smoothing!", ("ValueError",)), naming="label_smoothing")
    for wrong in (
        call(),
        call("TypeError", "beta"),
        call("ValueError", "math domain error"),
        call("numpy.linalg.LinAlgError", "Singular matrix", ("ValueError",)),
    ):
        with pytest.raises(Falsified):
            rejects(wrong)


@pytest.mark.parametrize("message", ["must be positive", "alphabeta", "betamax"])
def test_rejects_wants_the_name_as_a_word(message):
    with pytest.raises(Falsified, match="should name 'beta'"):
        rejects(call("ValueError", message), naming="beta")


def test_untouched_names_what_was_changed():
    untouched(call())
    with pytest.raises(Falsified, match=r"argument 1, 'mask'"):
        untouched(call(changed=(0, "mask")))


def test_math_domain_errors_differ_by_python_version():
    """What the interpreter says of log(0) is in the list of accidents."""
    with pytest.raises(ValueError) as accident:
        math.log(0.0)
    with pytest.raises(Falsified):
        rejects(call("ValueError", str(accident.value)))
