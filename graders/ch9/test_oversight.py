"""What is true of debates, recursive oversight and prediction markets."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import arrays, sizes
from assay.judging import agree, passes_through, rejects, require, untouched
from assay.plain import Model
from assay.properties import core, extra

QUESTION = "Is the proof right?"


# --- debate --------------------------------------------------------------------------------------


def pro(question, transcript):
    heard = transcript[-1][1] if transcript else question
    return f"for {len(transcript)}, after {heard[:9]}"


def con(question, transcript):
    return f"against {len(transcript)}, after {transcript[-1][1][:9]}"


def judge(question, transcript):
    return f"{question} {len(transcript)} turns: {' / '.join(text for _, text in transcript)}"


def debated(rounds, question=QUESTION):
    """The debate of pro and con, turn by turn."""
    transcript = []
    for turn in range(2 * rounds):
        text = (pro, con)[turn % 2](question, transcript)
        transcript = [*transcript, (turn % 2, text)]
    return judge(question, transcript), transcript


@core("debate")
def test_debate_takes_turns_and_then_asks_the_judge(learner):
    """In each round debater 0 speaks, then debater 1; the judge decides on all that was said."""
    for rounds in (1, 2, 3):
        agree(learner.debate(QUESTION, [pro, con], judge, rounds), debated(rounds))


@extra("debate", weight=2)
def test_debate_lets_everybody_hear_all_that_was_said(learner):
    """Each speaker hears the question and all that was said; the judge is asked once, last."""
    call = learner.attempt("debate", QUESTION, [pro, con], judge, 2)
    _, transcript = debated(2)
    heard = [(("pro", "con")[turn % 2], (QUESTION, transcript[:turn])) for turn in range(4)]
    heard.append(("judge", (QUESTION, transcript)))
    agree(call.value, debated(2))
    agree([(model.model, model.args) for model in call.models], heard)


@extra("debate", weight=2)
def test_debate_keeps_its_record(learner):
    """Debaters and judge get copies: whatever they do to theirs, the record stays what was said."""
    careless = [Model(pro, careless=True), Model(con, careless=True)]
    answer = learner.debate("Is it safe?", careless, Model(judge, careless=True), 2)
    agree(answer, debated(2, "Is it safe?"))


@extra("debate")
@given(st.sampled_from([False, 0, None, "", 0.25]))
def test_debate_hands_back_any_verdict(learner, verdict):
    """The verdict is handed back as it comes, also False, 0, None or an empty text."""
    answer = learner.debate(QUESTION, [pro, con], lambda question, transcript: verdict, 1)
    agree(answer, (verdict, debated(1)[1]))


@extra("debate")
def test_debate_records_silence(learner):
    """An empty text is a turn like any other."""

    def silent(question, transcript):
        return ""

    answer = learner.debate(QUESTION, [silent, silent], judge, 2)
    transcript = [(0, ""), (1, ""), (0, ""), (1, "")]
    agree(answer, (judge(QUESTION, transcript), transcript))


@extra("debate")
def test_debate_without_rounds(learner):
    """With 0 rounds the judge decides on an empty transcript."""
    agree(learner.debate(QUESTION, [pro, con], judge, 0), (judge(QUESTION, []), []))


@extra("debate")
@given(st.sampled_from(["debater 0", "debater 1", "judge"]))
def test_debate_lets_exceptions_pass(learner, who):
    """An exception of a debater or of the judge passes through."""

    def fails(question, transcript):
        raise LookupError("lost my notes")

    models = [fails if who == f"debater {index}" else pro for index in range(2)]
    chosen_judge = fails if who == "judge" else judge
    passes_through(learner.attempt("debate", QUESTION, models, chosen_judge, 1))


@extra("debate")
@given(st.sampled_from([0, 1, 3]))
def test_debate_refuses_any_other_number_of_debaters(learner, count):
    """A debate of 0, 1 or 3 raises ValueError."""
    rejects(learner.attempt("debate", QUESTION, [pro] * count, judge, 1))


@extra("debate")
@given(st.sampled_from([0, 1, 3]))
def test_debate_names_the_bad_argument(learner, count):
    """The message of the ValueError names debaters, and it is raised before anybody is called."""
    call = learner.attempt("debate", QUESTION, [pro] * count, judge, 1)
    rejects(call, naming="debaters")
    agree(len(call.models), 0)


# --- recursive_oversight -------------------------------------------------------------------------

#: A task is a number, simple enough to judge, or a list of tasks.
TASKS = ([[1, 2], 3], [1, [2, [3, [4, 5]]], 6], [[[7]], []], [8, 9], 7)


def parts(task):
    return list(task) if isinstance(task, list) else []


def verdict(task):
    return f"<{task}>"


def together(task, results):
    return f"{len(task)}({' '.join(results)})"


def overseen(task, left):
    """The transcript of calls, and the result, of judging a task with so many levels left."""
    subtasks = parts(task)
    log = [("parts", (task,))] if left > 0 else []
    if left == 0 or not subtasks:
        return [*log, ("verdict", (task,))], verdict(task)
    results = []
    for subtask in subtasks:
        calls, result = overseen(subtask, left - 1)
        log, results = log + calls, [*results, result]
    return [*log, ("together", (task, results))], together(task, results)


@core("recursive_oversight")
@given(st.sampled_from(TASKS), st.sampled_from([1, 2, 3]))
@example(TASKS[1], 2)
@example(TASKS[1], 9)
def test_recursive_oversight_combines_the_results_of_the_parts(learner, task, max_depth):
    """Simple tasks and those at max_depth are solved; all others are combined from their parts."""
    result = learner.recursive_oversight(task, parts, verdict, together, max_depth)
    agree(result, overseen(task, max_depth)[1])


@extra("recursive_oversight", weight=2)
@given(st.integers(0, 3))
def test_recursive_oversight_stops_at_max_depth(learner, max_depth):
    """The root has depth 0, and a task that could be split further is solved at max_depth."""

    def onwards(depth):
        return [depth + 1] if depth < 6 else []

    def solved(depth):
        return f"solved at {depth}"

    def combined(depth, results):
        return f"{results[0]}, combined at {depth}"

    levels = [f"combined at {depth}" for depth in reversed(range(max_depth))]
    result = learner.recursive_oversight(0, onwards, solved, combined, max_depth)
    agree(result, ", ".join([f"solved at {max_depth}", *levels]))


@extra("recursive_oversight", weight=2)
@given(st.sampled_from(TASKS[:3]), st.sampled_from([1, 2, 9]))
@example(TASKS[1], 2)
def test_recursive_oversight_goes_depth_first(learner, task, max_depth):
    """Each part is finished, with all its own parts, before the next; nothing is called twice."""
    call = learner.attempt("recursive_oversight", task, parts, verdict, together, max_depth)
    expected, result = overseen(task, max_depth)
    agree(call.value, result)
    made = [(model.model, model.args) for model in call.models]
    # Whether a task at max_depth is decomposed, too, is left open.
    agree([one for one in made if one[0] != "parts" or one in expected], expected)


@extra("recursive_oversight")
def test_recursive_oversight_of_the_root_alone(learner):
    """With max_depth 0 the root itself goes to `solve`, however complex."""
    agree(learner.recursive_oversight([1, 2], parts, verdict, together, 0), "<[1, 2]>")


@extra("recursive_oversight")
@given(st.sampled_from([0, False, None, ""]))
def test_recursive_oversight_keeps_false_results(learner, nothing):
    """A result is passed on as it comes, also 0, False, None or an empty text."""

    def gathered(task, results):
        return results

    result = learner.recursive_oversight([1, [2]], parts, lambda task: nothing, gathered, 5)
    agree(result, [nothing, [nothing]])


@extra("recursive_oversight")
@given(st.sampled_from(["decompose", "solve", "combine"]))
def test_recursive_oversight_lets_exceptions_pass(learner, which):
    """An exception of any of the three callables passes through."""

    def fails(*args):
        raise LookupError("lost the task")

    models = {"decompose": parts, "solve": verdict, "combine": together} | {which: fails}
    passes_through(learner.attempt("recursive_oversight", [1, [2]], *models.values(), 5))


@extra("recursive_oversight")
def test_recursive_oversight_leaves_the_tasks(learner):
    """Neither the task nor the list of subtasks is changed."""
    untouched(learner.attempt("recursive_oversight", TASKS[1], parts, verdict, together, 5))


# --- market_prices -------------------------------------------------------------------------------

LIQUIDITIES = st.sampled_from([0.5, 1.0, 2.0, 8.0])
SHARES = np.array([2.0, -1.0, 0.5])


def price_list(shares, liquidity):
    """Softmax, number by number; only for moderate numbers."""
    weights = [math.exp(q / liquidity) for q in shares]
    return np.array([weight / sum(weights) for weight in weights])


def potential(shares, liquidity):
    """C(q), with the largest term taken out."""
    top = max(shares)
    return top + liquidity * math.log(sum(math.exp((q - top) / liquidity) for q in shares))


def cost(shares, trade, liquidity):
    return potential(shares + trade, liquidity) - potential(shares, liquidity)


@core("market_prices")
@given(arrays(sizes()), LIQUIDITIES)
@example(np.array([10.0, 0.0]), 10.0)
@example(SHARES, 2.0)
def test_market_prices_are_a_softmax(learner, shares, liquidity):
    """The price of an outcome is exp(shares / b) over the sum of these over all outcomes."""
    agree(learner.market_prices(shares, liquidity), price_list(shares, liquidity))


@extra("market_prices", weight=3)
@given(st.sampled_from([1.0, 0.01, 1000.0]), st.sampled_from([1e4, -1e4, 800.0]))
def test_market_prices_are_stable(learner, liquidity, level):
    """For shares of +-1e4 times the liquidity the prices are finite and accurate."""
    shares = liquidity * (level + SHARES)
    agree(learner.market_prices(shares, liquidity), price_list(SHARES, 1.0))
    gap = np.array([level, -level]) * liquidity
    agree(learner.market_prices(gap, liquidity), np.array([level > 0, level < 0], dtype=float))


@extra("market_prices")
@given(st.sampled_from([2.0, 0.25, 64.0]))
def test_market_prices_depend_on_shares_per_liquidity(learner, factor):
    """Twice the shares at twice the liquidity have the same prices."""
    agree(learner.market_prices(factor * SHARES, factor), price_list(SHARES, 1.0))


@extra("market_prices")
@given(LIQUIDITIES)
def test_market_prices_are_the_slope_of_the_cost(learner, liquidity):
    """The price of an outcome is the derivative of C(q) = b log sum exp(q / b) by its shares."""
    steps = 1e-4 * np.eye(3)
    slopes = [cost(SHARES - step, 2 * step, liquidity) / 2e-4 for step in steps]
    agree(learner.market_prices(SHARES, liquidity), np.array(slopes), atol=1e-6)


@extra("market_prices")
def test_market_prices_take_whole_shares(learner):
    """Whole numbers of shares have the same prices, not rounded ones."""
    agree(learner.market_prices(np.array([3, 1, 0]), 2), price_list([3, 1, 0], 2.0))


@extra("market_prices")
def test_market_prices_leave_the_shares(learner):
    """The function does not change the shares."""
    untouched(learner.attempt("market_prices", SHARES, 2.0))


@extra("market_prices")
@given(st.sampled_from([0.0, -1.0, 0, -1e-9]))
def test_market_prices_refuse_a_bad_liquidity(learner, liquidity):
    """liquidity <= 0 raises ValueError."""
    rejects(learner.attempt("market_prices", SHARES, liquidity))


@extra("market_prices")
@given(st.sampled_from([0.0, -1.0]))
def test_market_prices_name_the_bad_argument(learner, liquidity):
    """The message of the ValueError names liquidity."""
    rejects(learner.attempt("market_prices", SHARES, liquidity), naming="liquidity")


# --- market_cost ---------------------------------------------------------------------------------


@st.composite
def trades(draw):
    count = draw(sizes())
    return tuple(draw(arrays(count)) for _ in range(2))


TRADE = np.array([1.5, 0.0, -0.25])


@core("market_cost")
@given(trades(), LIQUIDITIES)
@example((np.array([0.0, 0.0]), np.array([10.0, 0.0])), 10.0)
@example((SHARES, TRADE), 2.0)
def test_market_cost_is_what_a_trade_adds_to_the_potential(learner, trade, liquidity):
    """The cost is C(shares + trade) - C(shares), C(q) = b log sum exp(q / b)."""
    agree(learner.market_cost(*trade, liquidity), cost(*trade, liquidity))


@extra("market_cost", weight=3)
@given(st.sampled_from([1.0, 0.01, 1000.0]), st.sampled_from([1e4, -1e4, 800.0]))
def test_market_cost_is_stable(learner, liquidity, level):
    """For shares and trades of +-1e4 times the liquidity the cost is finite and accurate."""
    scale = abs(level) * liquidity
    for shares, trade in (
        (level + SHARES, TRADE),
        (np.array([level, 0.0, -level]), np.array([-level, level, 0.0])),
        (SHARES, np.array([0.0, level, level])),
    ):
        answer = learner.market_cost(liquidity * shares, liquidity * trade, liquidity)
        agree(answer, cost(liquidity * shares, liquidity * trade, liquidity), scale=scale)


def paid(learner, shares, trade, liquidity):
    """The learner's cost, which must be a number before one can calculate with it."""
    answer = learner.market_cost(shares, trade, liquidity)
    agree(answer, cost(shares, trade, liquidity))
    return float(answer)


@extra("market_cost")
@given(trades(), LIQUIDITIES)
@example((SHARES, TRADE), 2.0)
def test_market_cost_does_not_depend_on_the_path(learner, trade, liquidity):
    """A trade costs as much in two steps as in one, and taken back it gives all back."""
    shares, step = trade
    there = paid(learner, shares, step, liquidity)
    onwards = paid(learner, shares + step, step, liquidity)
    back = paid(learner, shares + 2 * step, -2 * step, liquidity)
    agree(there + onwards + back, 0.0, scale=100)


@extra("market_cost")
@given(st.sampled_from([1.0, -2.0, 0.5]), LIQUIDITIES)
def test_market_cost_of_one_share_of_everything(learner, count, liquidity):
    """One share of each outcome costs 1, since exactly one of them will pay 1."""
    agree(learner.market_cost(SHARES, np.full(3, count), liquidity), count)


@extra("market_cost")
@given(st.integers(0, 2), LIQUIDITIES)
def test_market_cost_of_a_tiny_trade_is_the_price(learner, outcome, liquidity):
    """The prices are the gradient of the cost: a tiny trade costs the price of each share."""
    step = 1e-4 * np.eye(3)[outcome]
    price = float(price_list(SHARES, liquidity)[outcome])
    agree(paid(learner, SHARES - step, 2 * step, liquidity) / 2e-4, price, atol=1e-6)


@extra("market_cost")
@given(trades(), LIQUIDITIES)
def test_market_cost_lies_between_the_prices(learner, trade, liquidity):
    """A trade costs at least what the prices before it say, and at most what those after it say."""
    shares, bought = trade
    before = float(price_list(shares, liquidity) @ bought)
    after = float(price_list(shares + bought, liquidity) @ bought)
    answer = paid(learner, shares, bought, liquidity)
    require(before - 1e-9 <= answer <= after + 1e-9, "the cost lies outside", returned=answer)


@extra("market_cost")
def test_market_cost_takes_whole_shares(learner):
    """Whole numbers of shares cost the same, not rounded."""
    answer = learner.market_cost(np.array([3, 1, 0]), np.array([0, 1, -1]), 2)
    agree(answer, cost(np.array([3, 1, 0]), np.array([0, 1, -1]), 2))


@extra("market_cost")
def test_market_cost_leaves_its_input(learner):
    """The function changes neither the shares nor the trade."""
    untouched(learner.attempt("market_cost", SHARES, TRADE, 2.0))


@extra("market_cost")
@given(st.sampled_from([0.0, -1.0, 0, -1e-9]))
def test_market_cost_refuses_a_bad_liquidity(learner, liquidity):
    """liquidity <= 0 raises ValueError."""
    rejects(learner.attempt("market_cost", SHARES, TRADE, liquidity))


@extra("market_cost")
@given(st.sampled_from([0.0, -1.0]))
def test_market_cost_names_the_bad_argument(learner, liquidity):
    """The message of the ValueError names liquidity."""
    rejects(learner.attempt("market_cost", SHARES, TRADE, liquidity), naming="liquidity")
