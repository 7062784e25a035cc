"""Worked examples for search: trees small enough to walk through by hand."""

from assay.judging import agree, rejects
from assay.properties import worked


@worked("best_of_n")
def test_best_of_n_takes_the_first_of_the_best(learner):
    """Two answers mention a 4 and score 1: the first of them wins."""
    answers = ["2 + 2 = 5", "2 + 2 = 4", "4 = 2 + 2"]
    agree(learner.best_of_n(answers, lambda text: text.count("4")), "2 + 2 = 4")


@worked("best_of_n")
def test_best_of_n_copes_with_negative_scores(learner):
    """Of answers that score -3 and -1, the one with -1 is best."""
    agree(learner.best_of_n(["bad", "fair"], {"bad": -3.0, "fair": -1.0}.get), "fair")


@worked("best_of_n")
def test_best_of_none(learner):
    """The best of no candidates is a ValueError."""
    rejects(learner.attempt("best_of_n", [], len))


@worked("weighted_majority_vote")
def test_one_trusted_chain_outvotes_two_doubtful_ones(learner):
    """Weights 0.3 and 0.35 for "12" lose against 0.7 for "7"; with equal weights "12" wins."""
    answers = ["12", "7", "12"]
    agree(learner.weighted_majority_vote(answers, [0.3, 0.7, 0.35]), "7")
    agree(learner.weighted_majority_vote(answers, [1.0, 1.0, 1.0]), "12")


@worked("weighted_majority_vote")
def test_a_tied_vote_goes_to_the_answer_seen_first(learner):
    """Half a vote for each of two answers: the one that came first wins."""
    agree(learner.weighted_majority_vote(["9", "4"], [0.5, 0.5]), "9")


@worked("weighted_majority_vote")
def test_a_vote_needs_one_weight_per_answer(learner):
    """Two answers and one weight don't fit together: a ValueError."""
    rejects(learner.attempt("weighted_majority_vote", ["9", "4"], [0.5]))


@worked("step_beam_search")
def test_greedy_search_misses_what_a_beam_of_two_finds(learner):
    """The best answer "ba" begins with the second-best step: a beam of 1 misses it."""
    agree(learner.step_beam_search("", two_letters, SCORES.get, 1, 5), ["ab"])
    agree(learner.step_beam_search("", two_letters, SCORES.get, 2, 5), ["ba", "ab"])


@worked("step_beam_search")
def test_max_steps_bounds_the_rounds(learner):
    """One round ends with the one-letter states, best first; no round at all with the start."""
    agree(learner.step_beam_search("", two_letters, SCORES.get, 2, 1), ["a", "b"])
    agree(learner.step_beam_search("", two_letters, SCORES.get, 2, 0), [""])


@worked("step_beam_search")
def test_a_finished_state_stays_in_the_race(learner):
    """State 2 can go no further, state 3 goes on to 4: state 2 stays, and wins with its score."""
    tree = {1: [2, 3], 2: [], 3: [4], 4: []}
    score = {1: 0.5, 2: 0.9, 3: 0.8, 4: 0.1}
    agree(learner.step_beam_search(1, tree.get, score.get, 2, 5), [2, 4])


SCORES = {"": 0.0, "a": 0.6, "b": 0.5, "aa": 0.2, "ab": 0.3, "ba": 0.9, "bb": 0.1}


def two_letters(text):
    """Append a or b until the text has two letters."""
    return [text + "a", text + "b"] if len(text) < 2 else []
