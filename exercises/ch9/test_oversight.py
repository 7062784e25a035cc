"""Worked examples for scalable oversight: small enough to follow by hand."""

from numpy import array

from assay.judging import agree, rejects
from assay.properties import worked


@worked("debate")
def test_the_second_debater_answers_the_first(learner):
    """Debater 0 speaks first, and debater 1 already sees what was said."""

    def pro(question, transcript):
        return "yes"

    def con(question, transcript):
        return f"not {transcript[-1][1]}"

    def judge(question, transcript):
        return len(transcript)

    verdict, transcript = learner.debate("Is the proof right?", [pro, con], judge, rounds=1)
    agree(verdict, 2)
    agree(transcript, [(0, "yes"), (1, "not yes")])


@worked("debate")
def test_the_judge_may_decide_without_a_debate(learner):
    """With 0 rounds nobody speaks and the judge sees an empty transcript."""

    def silent(question, transcript):
        raise AssertionError("nobody should speak")

    def judge(question, transcript):
        return f"{question} {len(transcript)}"

    verdict, transcript = learner.debate("Safe?", [silent, silent], judge, rounds=0)
    agree(verdict, "Safe? 0")
    agree(transcript, [])


@worked("debate")
def test_a_debate_needs_two(learner):
    """One debater alone is no debate: ValueError."""

    def only(question, transcript):
        return "yes"

    rejects(learner.attempt("debate", "Safe?", [only], only, rounds=1))


def halves(word):
    return [word[: len(word) // 2], word[len(word) // 2 :]] if len(word) > 1 else []


def shout(word):
    return word.upper()


def bracket(word, results):
    return "(" + "".join(results) + ")"


@worked("recursive_oversight")
def test_at_the_largest_depth_a_task_is_solved_whole(learner):
    """With max_depth 1 the root is split once, and its halves are solved as they are."""
    agree(learner.recursive_oversight("abcd", halves, shout, bracket, max_depth=1), "(ABCD)")


@worked("recursive_oversight")
def test_subtasks_are_split_again(learner):
    """With max_depth 2 each half is split in turn."""
    agree(learner.recursive_oversight("abcd", halves, shout, bracket, max_depth=2), "((AB)(CD))")


@worked("recursive_oversight")
def test_a_simple_task_is_solved_before_the_depth_is_used_up(learner):
    """A task without subtasks goes to `solve`, however much depth is left."""
    agree(learner.recursive_oversight("ab", halves, shout, bracket, max_depth=9), "(AB)")


@worked("market_prices")
def test_prices_are_a_softmax_of_the_shares(learner):
    """Ten shares ahead at liquidity 10 is one nat ahead: 0.7311 against 0.2689."""
    agree(
        learner.market_prices(array([10.0, 0.0]), liquidity=10.0), array([0.7311, 0.2689]), digits=4
    )


@worked("market_prices")
def test_prices_do_not_overflow(learner):
    """A million shares at liquidity 100 settle the matter: prices 1 and 0, not nan."""
    agree(learner.market_prices(array([1e6, 0.0]), liquidity=100.0), array([1.0, 0.0]))


@worked("market_prices")
def test_a_market_needs_liquidity(learner):
    """Liquidity 0 is a ValueError."""
    rejects(learner.attempt("market_prices", array([1.0, 0.0]), liquidity=0.0))


@worked("market_cost")
def test_the_cost_follows_the_moving_price(learner):
    """Ten shares bought from 0.5 up to 0.7311 cost 6.2011, between 5 and 7.311."""
    agree(
        learner.market_cost(array([0.0, 0.0]), array([10.0, 0.0]), liquidity=10.0), 6.2011, digits=4
    )


@worked("market_cost")
def test_one_share_of_everything_costs_one(learner):
    """One of them will pay 1, so one share of each costs 1."""
    agree(learner.market_cost(array([7.0, 1.0, 0.0]), array([1.0, 1.0, 1.0]), liquidity=3.0), 1.0)


@worked("market_cost")
def test_the_cost_needs_liquidity(learner):
    """Liquidity -1 is a ValueError."""
    rejects(learner.attempt("market_cost", array([1.0, 0.0]), array([1.0, 0.0]), liquidity=-1.0))
