"""What is true of fitted Bradley-Terry strengths, whoever fitted them."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import sizes
from assay.judging import agree, rejects, require, untouched
from assay.properties import core, extra

# Strengths are compared as closely as the promised gradient allows in these small tournaments.
CLOSE = 1e-3


@st.composite
def tournaments(draw, most=4):
    """Everybody met everybody, and beat them at least once."""
    n = draw(sizes(2, most))
    counts = draw(st.lists(st.integers(1, 6), min_size=n * n, max_size=n * n))
    return np.array(counts, dtype=float).reshape(n, n) * (1 - np.eye(n))


#: Nobody's record is the mirror of another's, and the schedule is uneven.
TELLING = np.array([[0.0, 5.0, 1.0], [2.0, 0.0, 4.0], [1.0, 1.0, 0.0]])


def is_the_maximum(strengths, wins):
    """Observed wins equal expected wins, and the mean is zero."""
    s = np.asarray(strengths, dtype=float)
    require(s.shape == (len(wins),), "there is one strength for each player", returned=strengths)
    require(bool(np.isfinite(s).all()), "a strength is inf or nan", returned=strengths)
    agree(float(s.mean()), 0.0, atol=1e-6, because="the mean of the strengths")
    p = np.exp(-np.logaddexp(0.0, s[None, :] - s[:, None]))
    expected = ((wins + wins.T) * p).sum(axis=1)
    worst = float(np.abs(wins.sum(axis=1) - expected).max())
    require(
        worst <= 1e-6 * max(1.0, wins.sum()),
        f"a player's wins differ by {worst:.3g} from those that the strengths predict",
        returned=strengths,
    )


def chain(n, up, down):
    """Players in a row who met their neighbours only."""
    return np.diag(np.full(n - 1, float(up)), 1) + np.diag(np.full(n - 1, float(down)), -1)


def ring(n, count, last):
    """Each beat the next `count` times, and the last the first."""
    wins = np.diag(np.full(n - 1, float(count)), 1)
    wins[-1, 0] = last
    return wins


@core("fit_bradley_terry")
@given(tournaments())
@example(np.array([[0.0, 3.0], [1.0, 0.0]]))
@example(TELLING)
def test_fit_bradley_terry_explains_everybodys_wins(learner, wins):
    """At the fitted strengths, each player's expected wins equal the observed; their mean is 0."""
    is_the_maximum(learner.fit_bradley_terry(wins), wins)


@extra("fit_bradley_terry")
@given(st.integers(1, 20), st.integers(1, 20))
@example(1, 20)
def test_fit_bradley_terry_of_two_players_is_the_log_of_the_ratio(learner, a, b):
    """Two players lie log(wins / losses) apart."""
    gap = np.log(a / b)
    wins = np.array([[0.0, a], [b, 0.0]])
    agree(learner.fit_bradley_terry(wins), np.array([gap / 2, -gap / 2]), atol=CLOSE)


@extra("fit_bradley_terry", weight=4)
@given(
    st.sampled_from(
        [
            chain(12, 100, 1),
            chain(12, 1, 100),
            ring(12, 100, 1),
            np.triu(np.full((12, 12), 99.0), 1) + 1 - np.eye(12),
        ]
    )
)
@example(chain(12, 100, 1))
def test_fit_bradley_terry_arrives_when_wins_are_lopsided(learner, wins):
    """Also with 12 players and wins of 100 to 1, expected wins equal the observed."""
    is_the_maximum(learner.fit_bradley_terry(wins), wins)


@extra("fit_bradley_terry")
@given(tournaments(3))
@example(TELLING)
def test_fit_bradley_terry_of_losses_is_the_opposite(learner, wins):
    """With all results reversed, every strength changes its sign."""
    strengths = np.asarray(learner.fit_bradley_terry(wins))
    agree(learner.fit_bradley_terry(wins.T.copy()), -strengths, atol=CLOSE)


@extra("fit_bradley_terry")
@given(st.permutations(range(4)))
def test_fit_bradley_terry_does_not_care_for_names(learner, order):
    """Players listed in another order get the same strengths in that order."""
    wins = np.array([[0.0, 5, 1, 2], [2, 0, 4, 0], [1, 1, 0, 3], [0, 6, 2, 0]])
    strengths = np.asarray(learner.fit_bradley_terry(wins))
    agree(learner.fit_bradley_terry(wins[np.ix_(order, order)]), strengths[order], atol=CLOSE)


@extra("fit_bradley_terry")
@given(st.sampled_from([0.25, 0.5, 40.0]))
def test_fit_bradley_terry_takes_fractional_counts(learner, factor):
    """Counts may be fractions, and only their proportions matter."""
    is_the_maximum(learner.fit_bradley_terry(TELLING * factor), TELLING * factor)
    strengths = np.asarray(learner.fit_bradley_terry(TELLING))
    agree(learner.fit_bradley_terry(TELLING * factor), strengths, atol=CLOSE)


@extra("fit_bradley_terry")
@given(st.sampled_from([chain(4, 3, 1), ring(3, 2, 1), ring(5, 1, 4)]))
@example(ring(3, 2, 1))
def test_fit_bradley_terry_compares_players_who_never_met(learner, wins):
    """It is enough that a chain of wins leads from everyone to everyone."""
    is_the_maximum(learner.fit_bradley_terry(wins), wins)


@extra("fit_bradley_terry")
def test_fit_bradley_terry_of_one_player(learner):
    """A single player has strength 0."""
    agree(learner.fit_bradley_terry(np.array([[0.0]])), np.array([0.0]))


@extra("fit_bradley_terry")
def test_fit_bradley_terry_takes_whole_numbers_and_lists(learner):
    """Wins may be an array of ints or a list of lists."""
    half = np.log(3) / 2
    agree(learner.fit_bradley_terry([[0, 3], [1, 0]]), np.array([half, -half]), atol=CLOSE)
    agree(
        learner.fit_bradley_terry(np.array([[0, 3], [1, 0]])), np.array([half, -half]), atol=CLOSE
    )


NO_MAXIMUM = {
    "unbeaten": np.array([[0.0, 3.0], [0.0, 0.0]]),
    "without a win": np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]),
    "two islands": np.kron(np.eye(2), 2.0 * (1 - np.eye(2))),
    "one league above the other": np.array(
        [[0.0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0]]
    ),
    "no game": np.zeros((2, 2)),
}


@extra("fit_bradley_terry", weight=2)
@given(st.sampled_from(list(NO_MAXIMUM)))
@example("unbeaten")
@example("without a win")
@example("two islands")
@example("one league above the other")
@example("no game")
def test_fit_bradley_terry_refuses_what_has_no_maximum(learner, case):
    """Without a chain of wins from everyone to everyone there is no finite maximum: ValueError."""
    rejects(learner.attempt("fit_bradley_terry", NO_MAXIMUM[case]))


@extra("fit_bradley_terry")
@given(st.sampled_from([np.ones((2, 3)), np.ones((3, 2)), np.ones(4)]))
@example(np.ones((2, 3)))
@example(np.ones((3, 2)))
def test_fit_bradley_terry_refuses_what_is_not_square(learner, wins):
    """Wins that are not a square matrix raise ValueError."""
    rejects(learner.attempt("fit_bradley_terry", wins))


NEGATIVE = np.array([[0.0, 3.0, 1.0], [2.0, 0.0, 4.0], [1.0, -1.0, 0.0]])


@extra("fit_bradley_terry")
def test_fit_bradley_terry_refuses_negative_counts(learner):
    """A negative number of wins raises ValueError."""
    rejects(learner.attempt("fit_bradley_terry", NEGATIVE))


@extra("fit_bradley_terry")
@given(st.sampled_from([NEGATIVE, np.ones((2, 3)), NO_MAXIMUM["unbeaten"]]))
@example(NEGATIVE)
@example(np.ones((2, 3)))
@example(NO_MAXIMUM["unbeaten"])
def test_fit_bradley_terry_names_the_bad_argument(learner, wins):
    """The message of the ValueError names wins."""
    rejects(learner.attempt("fit_bradley_terry", wins), naming="wins")


@extra("fit_bradley_terry")
def test_fit_bradley_terry_leaves_its_input(learner):
    """The function does not change the table of wins."""
    untouched(learner.attempt("fit_bradley_terry", TELLING.copy()))
