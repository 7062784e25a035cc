"""Bradley-Terry strengths: turn a table of who beat whom into one number per player."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def fit_bradley_terry(wins: ArrayLike, steps: int = 1000) -> NDArray[np.float64]:
    """Maximum-likelihood log-strengths of n players (answers, models) from their wins.

        P(i beats j)      = sigmoid(s_i - s_j)
        log-likelihood(s) = sum over i, j of  wins[i, j] * log sigmoid(s_i - s_j)

    With games[i, j] = wins[i, j] + wins[j, i] and p[i, j] = sigmoid(s_i - s_j), the slope is

        gradient_i = sum over j of  wins[i, j] - games[i, j] * p[i, j]

    so at the maximum every player's observed wins equal the expected wins. Two ways to get there:

    - Minorise-maximise: with strengths w_i = exp(s_i), repeat
      w_i <- (wins of i) / (sum over j of games[i, j] / (w_i + w_j)). Simple and always uphill,
      but too slow here: when wins are lopsided it needs far more than 1000 rounds.
    - Newton: repeat s <- s + step, where step solves  curvature @ step = gradient  with

          weight[i, j]    = games[i, j] * p[i, j] * (1 - p[i, j])
          curvature[i, i] = sum over j of weight[i, j]
          curvature[i, j] = -weight[i, j]  for i != j

      A few dozen steps suffice. The curvature matrix is singular (adding a constant to every
      strength changes no probability): use least squares, or add 1/n to every entry. Start at
      s = 0. Far from the maximum a full step can overshoot; a step scaled down so that its
      largest and smallest entry differ by at most 1 always leads uphill.

    Args:
        wins: wins[i, j] is how often i beat j, shape (n, n), zero diagonal, not negative.
            Fractional counts are fine. A list of lists will do. The table stays as it is.
        steps: upper bound on the number of Newton iterations; stop earlier when the gradient
            has vanished.

    Returns:
        The log-strengths s, a float64 array of shape (n,) with mean zero. No entry of the
        gradient exceeds 1e-6 * max(1, wins.sum()) in magnitude, for n <= 12 and wins as
        lopsided as 100 to 1. For n = 1 the result is [0.].

    Raises:
        ValueError: `wins` is not a square matrix, or has a negative entry, or has no finite
            maximum. A maximum exists exactly if the graph with an arrow from i to j wherever
            wins[i, j] > 0 is strongly connected: from every player, a chain of wins leads to
            every other. (Someone who never lost would be infinitely strong.) The message names
            `wins`.

    Example:
        >>> s = fit_bradley_terry([[0, 3], [1, 0]])  # 3 wins to 1: s_0 - s_1 = log 3
        >>> [round(float(x), 4) for x in s]
        [0.5493, -0.5493]

    Source: Bradley & Terry 1952; Ford 1957 (existence); Hunter 2004 (minorise-maximise).
    """
    ### BEGIN SOLUTION
    wins = np.array(wins, dtype=float)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1]:
        raise ValueError(f"wins must be a square matrix, not of shape {wins.shape}")
    if not (wins >= 0).all():
        raise ValueError("wins must not contain negative counts")
    if not _strongly_connected(wins > 0):
        raise ValueError("wins has no finite maximum: some players never lost to the others")

    games = wins + wins.T
    strengths = np.zeros(len(wins))
    for _ in range(steps):
        p = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
        gradient = (wins - games * p).sum(axis=1)
        if np.abs(gradient).max() <= 1e-12 * wins.sum():
            break
        weight = games * p * (1 - p)
        curvature = np.diag(weight.sum(axis=1)) - weight
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        # Over one unit of reward a sigmoid bends little: such a step can't overshoot.
        strengths += step / max(1.0, np.ptp(step))
    return strengths - strengths.mean()
    ### END SOLUTION


### BEGIN SOLUTION
def _strongly_connected(beat: NDArray[np.bool_]) -> bool:
    """Whether arrows lead from every player to every other."""
    reach = beat | np.eye(len(beat), dtype=bool)
    for _ in range(len(beat)):
        reach = reach @ reach  # paths of up to twice the length
    return bool(reach.all())


### END SOLUTION
