"""The learner interface: copies go in, plain data comes out, and everything that happens is
written down.
"""

import sys

import pytest
import torch
from torch import tensor

from assay.inprocess import Functions
from assay.learner import CallFailed, Halt, Learner
from assay.plain import Model


def learner_of(function, limit=5.0):
    return Learner(Functions({"f": function}, limit))


def test_arguments_are_copies_and_changes_are_noticed():
    def f(x, mask=None):
        x.add_(1)
        return x

    given = tensor([1.0])
    learner = learner_of(f)
    assert learner.f(given).tolist() == [2.0]
    assert given.tolist() == [1.0]
    assert learner.attempt("f", given).reply.changed == (0,)
    assert learner.attempt("f", x=given).reply.changed == ("x",)
    assert learner_of(lambda x: x + 1).attempt("f", given).reply.changed == ()


def test_gradients_by_position_by_name_and_none():
    learner = learner_of(lambda a, b, c: (a * a * c).sum() + b.detach().sum())
    args = tensor([3.0]), tensor([1.0])
    by_a, by_b, by_c = learner.gradient("f", *args, c=tensor([2.0]), wrt=(0, 1, "c"))
    assert by_a.tolist() == [12.0] and by_b is None and by_c.tolist() == [9.0]


def test_gradient_of_many_entries_is_weighted():
    learner = learner_of(lambda x: (x, 2 * x))
    cotangent = tensor([1.0, 10.0])
    gradient = learner.gradient("f", tensor([1.0, 1.0]), wrt=0, output=1, cotangent=cotangent)
    assert gradient.tolist() == [2.0, 20.0]


def test_a_result_without_a_graph_has_no_gradient():
    assert learner_of(lambda x: x.detach()).gradient("f", tensor([1.0]), wrt=0) is None
    assert learner_of(lambda x: 1.0).gradient("f", tensor([1.0]), wrt=0) is None


def test_an_exception_is_told_with_its_line():
    def f(x):
        return x.nonsense

    with pytest.raises(CallFailed, match="f raised AttributeError") as failed:
        learner_of(f).f(tensor([1.0]))
    assert failed.value.call.raised.line == f.__code__.co_firstlineno + 1


@pytest.mark.parametrize("leave", [lambda: sys.exit(0), lambda: pytest.skip("no"), lambda: 1 / 0])
def test_no_way_out_but_data(leave):
    """SystemExit, skipping and the like are exceptions of the learner's, nothing more."""
    with pytest.raises(CallFailed):
        learner_of(leave).f()


def test_hypothesis_control_flow_from_the_learner_is_an_error():
    from hypothesis import reject

    with pytest.raises(CallFailed, match="UnsatisfiedAssumption"):
        learner_of(lambda: reject()).f()


def test_a_subclass_that_compares_as_it_likes_is_refused():
    class Equal(float):
        def __eq__(self, other):
            return True

        __hash__ = None

    with pytest.raises(CallFailed, match="returned an Equal, which is not plain data"):
        learner_of(lambda: Equal()).f()


def test_not_started_only_before_anything_was_returned():
    def f(x):
        if x > 1:
            raise NotImplementedError
        return x

    learner = learner_of(f)
    with pytest.raises(Halt) as halt:
        learner.f(2)
    assert halt.value.status == "not_started"
    learner.f(1)
    with pytest.raises(CallFailed):
        learner.f(2)


def test_missing_function():
    with pytest.raises(Halt) as halt:
        Learner(Functions({})).f()
    assert halt.value.status == "missing"


def loops():
    while True:
        pass


def swallows_and_loops():
    try:
        loops()
    except BaseException:
        loops()


@pytest.mark.parametrize("endless", [loops, swallows_and_loops])
def test_an_endless_loop_is_ended(endless):
    with pytest.raises(Halt) as halt:
        learner_of(endless, limit=0.3).f()
    assert halt.value.status == "timed_out" and "loop" in halt.value.sentence


# --- models
# ----------------------------------------------------------------------------------------------


def test_models_get_copies_and_their_calls_are_recorded():
    def f(models, items):
        first = models[0](items)
        items.append(9)
        return [first, models[1](items)]

    call = learner_of(f).attempt("f", [sum, lambda items: len(items)], [1, 2])
    assert call.value == [3, 3]
    assert [(one.args, one.answer) for one in call.models] == [(([1, 2],), 3), (([1, 2, 9],), 3)]


def test_a_careless_model_scribbles_into_what_it_is_handed():
    def keeps(model):
        items = [1]
        model(items)
        return items

    def copies(model):
        items = [1]
        model(list(items))
        return items

    careless = Model(len, careless=True)
    assert learner_of(keeps).f(careless) != [1]
    assert learner_of(copies).f(careless) == [1]


def test_a_list_that_a_model_hands_out_must_stay():
    def f(model):
        found = model()
        found.append(2)
        return found

    assert learner_of(f).attempt("f", lambda: [1]).reply.changed == ("model",)


class Broken(Exception):
    pass


def broken():
    raise Broken("the judge is away")


def test_exceptions_of_models_pass_through_or_not():
    def wraps(model):
        try:
            model()
        except Exception as error:
            raise RuntimeError("wrapped") from error

    assert learner_of(lambda model: model()).attempt("f", broken).raised.from_model
    assert not learner_of(wraps).attempt("f", broken).raised.from_model


def test_a_graph_on_the_result_is_noticed():
    leaf = learner_of(lambda: torch.zeros(1, requires_grad=True)).attempt("f")
    assert leaf.reply.tracked
    assert not learner_of(lambda: torch.zeros(1)).attempt("f").reply.tracked


def test_a_model_that_is_given_twice_is_one_model():
    assert learner_of(lambda models: models.index(models[1])).f([len, len]) == 0
    assert learner_of(lambda models: models.index(models[1])).f([len, sum]) == 1
