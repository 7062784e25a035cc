"""Only plain data of exact types passes between grader and learner."""

import numpy as np
import pytest
import torch

from assay.plain import Model, NotPlain, identical, own


class AlwaysEqual(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class Lazy(torch.Tensor):
    pass


def endless():
    items = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value",
    [
        AlwaysEqual(1.0),
        torch.zeros(2).as_subclass(Lazy),
        np.ma.masked_array([1.0]),
        np.array([object()]),
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(2).to_sparse(),
        endless(),
        {(1, 2): 3},
        object(),
        len,
        Model(len),
        list(range(2_000_000)),
        iter([1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(NotPlain):
        own(value)


def test_plain_data_is_copied_with_exact_types():
    tensor, array = torch.ones(2, requires_grad=True), np.ones(2)
    copied = own(
        [tensor, (array, {"a": np.float64(2.5), "b": np.int64(3)}, np.bool_(True)), "text"]
    )
    assert type(copied[1][1]["a"]) is float and type(copied[1][1]["b"]) is int
    assert copied[1][2] is True
    array[0] = 5
    with torch.no_grad():
        tensor[0] = 5
    assert copied[0].tolist() == [1, 1] and copied[1][0].tolist() == [1, 1]
    assert not copied[0].requires_grad


def test_a_parameter_is_the_tensor_it_holds():
    assert type(own(torch.nn.Parameter(torch.ones(1)))) is torch.Tensor


def test_models_pass_only_where_they_are_arguments():
    model = Model(len)
    assert own([model], models=True) == [model]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (float("nan"), float("nan"), True),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")]), True),
        (torch.tensor([0.0]), torch.tensor([-0.0]), False),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), False),
        (np.zeros(2), np.zeros((2, 1)), False),
        ([1, 2], (1, 2), False),
        (1, True, False),
        ({"a": 1}, {"a": 1}, True),
        ([1, [2, "x"]], [1, [2, "x"]], True),
    ],
)
def test_identical_means_to_the_last_bit(one, other, same):
    assert identical(one, other) is same
