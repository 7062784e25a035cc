"""Worked examples for Bradley-Terry strengths: tables small enough to check by hand."""

from numpy import array

from assay.judging import agree, rejects
from assay.properties import worked


@worked("fit_bradley_terry")
def test_three_wins_to_one_are_log_3_of_strength(learner):
    """Winning 3 games of 4 is a gap of log 3 = 1.0986, half of it on either side of zero."""
    strengths = learner.fit_bradley_terry(array([[0.0, 3.0], [1.0, 0.0]]))
    agree(strengths, array([0.5493, -0.5493]), digits=4)


@worked("fit_bradley_terry")
def test_players_who_never_met_are_compared_through_a_third(learner):
    """0 beats 1 and 1 beats 2 by three games to one each: steps of log 3, mean zero."""
    wins = array([[0.0, 3.0, 0.0], [1.0, 0.0, 3.0], [0.0, 1.0, 0.0]])
    agree(learner.fit_bradley_terry(wins), array([1.0986, 0.0, -1.0986]), digits=4)


@worked("fit_bradley_terry")
def test_a_player_who_never_lost_has_no_finite_strength(learner):
    """Player 0 was never beaten: no finite strength is the likeliest, so ValueError."""
    rejects(learner.attempt("fit_bradley_terry", array([[0.0, 3.0], [0.0, 0.0]])))
