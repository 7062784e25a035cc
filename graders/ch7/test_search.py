"""What is true of search with a reward model. Models are tables, so that one can follow by hand."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import numbers, sizes
from assay.judging import Falsified, agree, passes_through, rejects, require, untouched
from assay.properties import core, extra
from assay.rendering import show

INF = float("inf")


def lookup(table):
    """The table as a function, which a counterexample shows as ``{...}.get``."""

    def get(key):
        return table[key]

    get.__name__ = f"{show(table)}.get"
    return get


def asked(call, model):
    """The arguments with which a model was called, in order."""
    return [heard.args[0] for heard in call.models if heard.model == model.__name__]


# --- best_of_n ------------------------------------------------------------------------------------


@st.composite
def scored(draw):
    """Candidates and a different positive score for each."""
    scores = draw(st.lists(numbers(0.125, 4), min_size=1, max_size=5, unique=True))
    return dict(zip("abcde", scores, strict=False))


@core("best_of_n")
@given(scored())
@example({"a": 0.5, "b": 2.0, "c": 1.0})
@example({"a": 1.0, "b": 0.5, "c": 2.0})
def test_best_of_n_has_the_highest_score(learner, scores):
    """The winner is the candidate with the highest score."""
    expected, highest = "", 0.0
    for candidate, score in scores.items():
        if score > highest:
            expected, highest = candidate, score
    agree(learner.best_of_n(list(scores), lookup(scores)), expected)


@extra("best_of_n", weight=2)
def test_best_of_n_takes_the_first_of_equals(learner):
    """Of candidates with equal scores the first one wins."""
    agree(learner.best_of_n(["c", "a", "b"], lookup({"a": 2.0, "b": 2.0, "c": 1.0})), "a")
    agree(learner.best_of_n(["b", "a"], lookup({"a": 1.0, "b": 1.0})), "b")
    agree(learner.best_of_n(["a", "b"], lookup({"a": 1.0, "b": 1.0})), "a")


@extra("best_of_n", weight=2)
def test_best_of_n_copes_with_low_scores(learner):
    """Scores may be negative, and -inf too: there is a best one all the same."""
    agree(learner.best_of_n(["a", "b", "c"], lookup({"a": -3.0, "b": -1.0, "c": -2.0})), "b")
    agree(learner.best_of_n(["a", "b"], lookup({"a": -INF, "b": -INF})), "a")


@extra("best_of_n", weight=2)
@given(scored())
@example({"a": 0.5, "b": 2.0, "c": 1.0})
def test_best_of_n_scores_each_candidate_once(learner, scores):
    """The reward model is asked exactly once about each candidate."""
    score = lookup(scores)
    call = learner.attempt("best_of_n", list(scores), score)
    _ = call.value
    agree(sorted(asked(call, score)), sorted(scores), because="the calls of the reward model")


@extra("best_of_n")
def test_best_of_n_takes_candidates_of_any_kind(learner):
    """Candidates need not be texts: dicts, lists, an empty text and a zero can win as well."""

    def length(draft):
        return len(draft["text"])

    def brevity(text):
        return -len(text)

    agree(
        learner.best_of_n([{"text": "no"}, {"text": "yes"}, {"text": "aye"}], length),
        {"text": "yes"},
    )
    agree(learner.best_of_n([[3], [1, 2], [2, 1]], len), [1, 2])
    agree(learner.best_of_n(["long", "", "short"], brevity), "")
    agree(learner.best_of_n([2, 0, 1], lookup({0: 0.5, 1: 0.25, 2: 0.125})), 0)


@extra("best_of_n")
def test_best_of_n_lets_errors_of_the_model_through(learner):
    """An exception of the reward model comes out unchanged."""

    def out_of_service(candidate):
        raise RuntimeError("the reward model is out of service")

    passes_through(learner.attempt("best_of_n", ["a", "b"], out_of_service))


@extra("best_of_n")
def test_best_of_n_refuses_an_empty_list(learner):
    """Without candidates there is no best one: ValueError."""
    rejects(learner.attempt("best_of_n", [], len))


@extra("best_of_n")
def test_best_of_n_names_the_bad_argument(learner):
    """The message of the ValueError names the candidates."""
    rejects(learner.attempt("best_of_n", [], len), naming="candidates")


@extra("best_of_n")
def test_best_of_n_leaves_its_input(learner):
    """The function does not reorder or change the list of candidates."""
    scores = {"a": 0.5, "b": 2.0, "c": 1.0}
    untouched(learner.attempt("best_of_n", list(scores), lookup(scores)))


# --- weighted_majority_vote -----------------------------------------------------------------------


def totals(answers, weights):
    """Total weight of each answer; sums of multiples of 1/8 are exact in any order."""
    return {
        answer: sum(w for a, w in zip(answers, weights, strict=True) if a == answer)
        for answer in answers
    }


#: The plain majority is "12", the heaviest single vote and the best average are "7"; "5" wins.
ELECTION = (["12", "5", "7", "12", "5", "12"], [0.125, 0.5, 0.75, 0.25, 0.5, 0.125])


@st.composite
def elections(draw):
    n = draw(sizes(1, 6))
    answers = draw(st.lists(st.sampled_from(["12", "7", "5"]), min_size=n, max_size=n))
    return answers, draw(st.lists(numbers(0.125, 1), min_size=n, max_size=n))


@core("weighted_majority_vote")
@given(elections())
@example(ELECTION)
@example((["12", "7", "12"], [0.25, 0.75, 0.375]))
@example((["12", "7", "12"], [1.0, 1.0, 1.0]))
def test_vote_goes_to_the_largest_total_weight(learner, election):
    """No answer has more total weight than the winner."""
    total = totals(*election)
    winner = learner.weighted_majority_vote(*election)
    best = [answer for answer in total if total[answer] == max(total.values())]
    require(
        any(type(winner) is type(answer) and winner == answer for answer in best),
        f"the total weights are {show(total)}",
        returned=winner,
        expected=best[0],
    )


@extra("weighted_majority_vote", weight=2)
def test_a_tied_vote_goes_to_the_answer_seen_first(learner):
    """Of answers with equal totals the one that was seen first wins."""
    agree(learner.weighted_majority_vote(["9", "4"], [0.5, 0.5]), "9")
    agree(learner.weighted_majority_vote(["4", "9"], [0.5, 0.5]), "4")
    agree(learner.weighted_majority_vote(["9", "4", "4"], [0.5, 0.25, 0.25]), "9")
    agree(learner.weighted_majority_vote(["9", "4", "9"], [0.25, 0.5, 0.25]), "9")
    agree(learner.weighted_majority_vote(["4", "9", "4"], [0.25, 0.5, 0.25]), "4")


@extra("weighted_majority_vote")
@given(st.permutations(["5", "7", "12"]))
def test_a_vote_without_any_weight_is_a_tie(learner, answers):
    """Where all weights are 0 all answers are equal: the first one wins."""
    agree(learner.weighted_majority_vote(answers, [0.0, 0.0, 0.0]), answers[0])


@extra("weighted_majority_vote")
@given(elections(), st.sampled_from([0.25, 8.0]))
@example(ELECTION, 0.25)
def test_only_the_proportion_of_weights_matters(learner, election, factor):
    """Multiplying all weights by one positive number does not change the winner."""
    answers, weights = election
    agree(
        learner.weighted_majority_vote(answers, [factor * weight for weight in weights]),
        learner.weighted_majority_vote(answers, weights),
    )


@extra("weighted_majority_vote")
@given(st.lists(st.sampled_from(["12", "7", "5"]), min_size=1, max_size=6))
@example(["7", "12", "12"])
def test_equal_weights_make_a_majority_vote(learner, answers):
    """With equal weights no answer is more frequent than the winner."""
    winner = learner.weighted_majority_vote(answers, [0.5] * len(answers))
    most = max(map(answers.count, answers))
    require(answers.count(winner) == most, "another answer is more frequent", returned=winner)


@extra("weighted_majority_vote")
def test_answers_may_be_numbers(learner):
    """Answers may be numbers, 0 and negative ones among them; it is the answer that comes back."""
    agree(learner.weighted_majority_vote([0, 3, 0], [0.5, 0.75, 0.5]), 0)
    agree(learner.weighted_majority_vote([3, -1, -1], [0.75, 0.5, 0.5]), -1)


@extra("weighted_majority_vote")
def test_weights_may_come_as_an_array(learner):
    """The weights may be an array as well as a list."""
    agree(learner.weighted_majority_vote(["9", "4", "4"], np.array([0.5, 0.25, 0.5])), "4")


UNEQUAL = st.sampled_from([(["9", "4"], [0.5]), (["9"], [0.5, 0.25]), (["9"], []), ([], [0.5])])


@extra("weighted_majority_vote")
@given(UNEQUAL)
def test_a_vote_needs_one_weight_per_answer(learner, bad):
    """Lists of unequal length raise ValueError."""
    rejects(learner.attempt("weighted_majority_vote", *bad))


@extra("weighted_majority_vote")
def test_a_vote_needs_a_voter(learner):
    """Empty lists raise ValueError."""
    rejects(learner.attempt("weighted_majority_vote", [], []))


@extra("weighted_majority_vote")
@given(st.sampled_from([([], []), (["9", "4"], [0.5]), (["9"], [0.5, 0.25])]))
def test_a_vote_names_the_bad_argument(learner, bad):
    """The message of the ValueError names answers or weights."""
    call = learner.attempt("weighted_majority_vote", *bad)
    try:
        rejects(call, naming="weights")
    except Falsified:
        rejects(call, naming="answers")


@extra("weighted_majority_vote")
def test_a_vote_leaves_its_input(learner):
    """The function changes neither list."""
    untouched(learner.attempt("weighted_majority_vote", *ELECTION))


# --- step_beam_search -----------------------------------------------------------------------------

#: All leaves at one depth, no ties. Children may score lower than their parent; the best leaf hides
#: behind poor steps, and one parent has the two best children.
TREE = {
    "": ["a", "b"],
    "a": ["aa", "ab"],
    "b": ["ba", "bb"],
    "aa": ["aaa", "aab"],
    "ab": ["aba", "abb"],
    "ba": ["baa", "bab"],
    "bb": ["bba", "bbb"],
}
SCORE = {
    **{"": 1.0, "a": 0.75, "b": 0.5},
    **{"aa": 0.25, "ab": -0.5, "ba": 0.625, "bb": 0.375},
    **{"aaa": -1.0, "aab": 0.0, "aba": 0.875, "abb": 0.125},
    **{"baa": 0.3125, "bab": -0.625, "bba": 0.6875, "bbb": -0.75},
}
#: "a", "c" and "bb" are finished early, "ba" goes on.
UNEVEN = {"": ["a", "b", "c"], "b": ["ba", "bb"], "ba": ["baa"]}
#: The extensions of "b" get worse and worse: what was dropped before must not come back.
FADING = {"": ["a", "b"], "b": ["ba", "bb"], "ba": ["baa"], "bb": ["bba"]}


def branches(tree):
    """The tree as a function that expands; a state that is not in it is finished."""

    def expand(state):
        return tree.get(state, [])

    expand.__name__ = f"lambda s: {show(tree)}.get(s, [])"
    return expand


def by_definition(tree, scores, width, steps):
    """The beam after so many rounds, round by round on (rank, state)."""
    beam = [""]
    for _ in range(steps):
        contenders = []
        for state in beam:
            contenders += tree.get(state, [state])
        order = sorted(range(len(contenders)), key=lambda at: (-scores[contenders[at]], at))
        beam = [contenders[at] for at in order[:width]]
    return beam


def searched(learner, tree, scores, width, steps):
    """What the learner's search finds from the empty text."""
    return learner.step_beam_search("", branches(tree), lookup(scores), width, steps)


@core("step_beam_search")
@given(st.integers(1, 4), st.integers(1, 3))
@example(1, 3)
@example(2, 2)
@example(2, 3)
@example(3, 3)
@example(4, 1)
def test_beam_search_keeps_the_best_extensions(learner, width, steps):
    """Each round extends all states of the beam and keeps the beam_width best of the extensions."""
    agree(searched(learner, TREE, SCORE, width, steps), by_definition(TREE, SCORE, width, steps))


@extra("step_beam_search")
def test_a_full_beam_is_exhaustive_search(learner):
    """A beam that is wide enough to drop nothing returns all leaves, best first."""
    leaves = sorted((s for s in SCORE if s not in TREE), key=lambda leaf: -SCORE[leaf])
    agree(searched(learner, TREE, SCORE, 8, 3), leaves)


@extra("step_beam_search")
def test_a_beam_of_one_is_greedy_search(learner):
    """Width 1 follows the best next step, wherever it leads."""
    agree(searched(learner, TREE, SCORE, 1, 3), ["aab"])


@extra("step_beam_search", weight=3)
@given(st.integers(1, 3), st.integers(2, 4))
@example(2, 3)
@example(3, 3)
def test_a_finished_state_stays_in_the_race(learner, width, steps):
    """A finished state competes as it stands, round after round."""
    scores = {"": 0.0, "a": 0.75, "b": 0.5, "c": 0.125, "ba": 0.875, "bb": 0.25, "baa": 0.625}
    found = searched(learner, UNEVEN, scores, width, steps)
    agree(found, by_definition(UNEVEN, scores, width, steps))


@extra("step_beam_search", weight=2)
def test_a_dropped_state_never_returns(learner):
    """A finished state that once fell out of the beam is gone, even when the others get worse."""
    scores = {"": 0.0, "a": 0.5, "b": 1.0, "ba": 0.875, "bb": 0.75, "baa": 0.25, "bba": 0.125}
    agree(searched(learner, FADING, scores, 2, 1), ["b", "a"])
    agree(searched(learner, FADING, scores, 2, 2), ["ba", "bb"])
    agree(searched(learner, FADING, scores, 2, 3), ["baa", "bba"])


@extra("step_beam_search")
def test_a_state_does_not_compete_with_its_own_extensions(learner):
    """A state that was extended is replaced by its extensions, even where they score lower."""
    tree = {"": ["a"], "a": ["aa", "ab"]}
    scores = {"": 1.0, "a": 0.75, "aa": 0.25, "ab": 0.5}
    agree(searched(learner, tree, scores, 2, 2), ["ab", "aa"])


@extra("step_beam_search", weight=2)
@given(st.integers(1, 3))
def test_of_equal_scores_the_earlier_contender_wins(learner, width):
    """Of equal scores the contender that comes earlier is kept, and stands first."""
    tree = {"": ["c", "b", "a"], "c": ["cb", "ca"], "b": ["ba"], "a": ["aa"]}
    scores = dict.fromkeys(["", "c", "b", "a", "cb", "ca", "ba", "aa"], 0.5)
    agree(searched(learner, tree, scores, width, 1), ["c", "b", "a"][:width])
    expected = (["cb", "ca"] + (["ba", "aa"] if width > 2 else ["ba"] if width > 1 else []))[:width]
    agree(searched(learner, tree, scores, width, 2), expected)


@extra("step_beam_search")
@given(st.integers(1, 3))
def test_a_finished_state_keeps_its_slot_among_equals(learner, width):
    """A finished state stands among the contenders where its own extensions would have stood."""
    tree = {"": ["a", "b", "c"], "a": ["aa"], "c": ["ca"]}
    scores = dict.fromkeys(["", "a", "b", "c", "aa", "ca"], 0.5)
    agree(searched(learner, tree, scores, width, 2), ["aa", "b", "ca"][:width])


@extra("step_beam_search")
def test_equal_states_are_not_merged(learner):
    """Two ways to the same state are two entries of the beam."""
    tree = {"": ["a", "b"], "a": ["x"], "b": ["x", "y"]}
    scores = {"": 0.0, "a": 0.5, "b": 0.25, "x": 0.75, "y": 0.125}
    agree(searched(learner, tree, scores, 2, 5), ["x", "x"])
    agree(searched(learner, tree, scores, 3, 5), ["x", "x", "y"])


@extra("step_beam_search")
@given(st.integers(1, 3))
def test_no_steps_return_the_start(learner, width):
    """max_steps = 0 returns the start alone."""
    agree(searched(learner, TREE, SCORE, width, 0), [""])


@extra("step_beam_search")
def test_search_stops_when_all_states_are_finished(learner):
    """Once every state of the beam is finished the search is over, whatever max_steps is."""
    expand, scores = branches({"": ["a"], "a": ["ab"]}), {"": 0.0, "a": 0.5, "ab": 0.25}
    call = learner.attempt("step_beam_search", "", expand, lookup(scores), 2, 100)
    agree(call.value, ["ab"])
    # Three calls will do; twice as many leave room for asking again.
    require(
        len(asked(call, expand)) <= 6,
        f"expand was called {len(asked(call, expand))} times on a chain of three states",
    )


@extra("step_beam_search")
def test_only_states_of_the_beam_are_expanded(learner):
    """A state that was dropped is never expanded: that is what makes a beam cheap."""
    expand = branches(TREE)
    call = learner.attempt("step_beam_search", "", expand, lookup(SCORE), 2, 3)
    _ = call.value
    beams = {state for steps in range(4) for state in by_definition(TREE, SCORE, 2, steps)}
    extra_calls = [state for state in asked(call, expand) if state not in beams]
    require(not extra_calls, f"expand was called on {show(extra_calls)}, not in any beam")


@extra("step_beam_search")
def test_states_may_be_anything(learner):
    """States may be lists, dicts or falsy: they are neither compared, sorted nor hashed."""

    def append(path):
        return [[*path, 2], [*path, 1]] if len(path) < 2 else []

    def even(path):
        return 0.5

    agree(learner.step_beam_search([], append, even, 3, 5), [[2, 2], [2, 1], [1, 2]])
    agree(learner.step_beam_search([7, 7], append, even, 3, 5), [[7, 7]])

    def halve(state):
        return [{"n": state["n"] // 2}, {"n": -1}] if state["n"] > 0 else []

    agree(learner.step_beam_search({"n": 2}, halve, even, 2, 2), [{"n": 0}, {"n": -1}])
    count_down = branches({2: [1, 0], 1: [0]})
    agree(learner.step_beam_search(2, count_down, lookup({2: 0.0, 1: 0.5, 0: 0.25}), 2, 5), [0, 0])


@extra("step_beam_search")
@given(st.sampled_from(["expand", "score"]))
def test_search_lets_errors_of_the_models_through(learner, which):
    """An exception of expand or score comes out unchanged."""

    def broken(state):
        raise ValueError("out of service")

    models = {"expand": branches(TREE), "score": lookup(SCORE)} | {which: broken}
    call = learner.attempt("step_beam_search", "", models["expand"], models["score"], 2, 2)
    passes_through(call)


@extra("step_beam_search")
def test_search_leaves_the_lists_of_expand(learner):
    """The lists that expand hands out stay as they are, and so does a start that is a list."""
    untouched(learner.attempt("step_beam_search", "", branches(TREE), lookup(SCORE), 2, 3))

    def append(path):
        return [[*path, 1], [*path, 2]] if len(path) < 3 else []

    untouched(learner.attempt("step_beam_search", [0], append, sum, 2, 3))


NO_WIDTH = st.sampled_from([0, -1])


@extra("step_beam_search")
@given(NO_WIDTH)
def test_search_refuses_a_beam_without_width(learner, width):
    """A beam_width below 1 raises ValueError."""
    rejects(learner.attempt("step_beam_search", "", branches(TREE), lookup(SCORE), width, 2))


@extra("step_beam_search")
@given(NO_WIDTH)
def test_search_names_the_bad_argument(learner, width):
    """The message of the ValueError names beam_width."""
    call = learner.attempt("step_beam_search", "", branches(TREE), lookup(SCORE), width, 2)
    rejects(call, naming="beam_width")
