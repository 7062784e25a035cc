"""The alignment problem in six formulas: what a model says, and what it should say instead."""

import numpy as np


def next_token_probs(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Turn a language model's scores for the next token into probabilities.

    The formula is a softmax over the last axis:

        p(v) = exp(logits[v] / temperature) / sum over u of exp(logits[u] / temperature)

    Below 1, the temperature makes likely tokens likelier still; above 1, it evens them out.
    Stable: logits / temperature up to ±1e6 give finite probabilities, and no warning is needed
    when exp underflows to 0 (adding one constant to all logits changes nothing, so choose the
    constant well). A logit of -inf, a forbidden token, gets probability 0; at least one logit is
    finite. The input is left unchanged.

    Args:
        logits: (..., V) scores, one per token of the vocabulary; leading axes are a batch.
        temperature: a positive number.

    Returns:
        (..., V) probabilities; each row along the last axis sums to 1.

    Raises:
        ValueError: `temperature` is zero or negative; the message names it.

    Example:
        >>> logits = np.log(np.array([1.0, 3.0]))
        >>> next_token_probs(logits)
        array([0.25, 0.75])
        >>> next_token_probs(logits, temperature=0.5)  # squares the odds: 1 to 9
        array([0.1, 0.9])

    Source: Ackley, Hinton & Sejnowski 1985 (temperature); Bengio et al. 2003 (language models).
    """
    ### BEGIN SOLUTION
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    # With the largest exponent moved to 0, exp can underflow but never overflow.
    gaps = logits - logits.max(axis=-1, keepdims=True)
    weights = np.exp(gaps / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)
    ### END SOLUTION


def sequence_logprob(logits: np.ndarray, tokens: np.ndarray) -> float:
    """Log-probability that a language model gives to a whole text.

    A text is likely when each of its tokens is likely after those before it:

        log p(text) = sum over t of log softmax(logits[t])[tokens[t]]

    Here `logits[t]` already is the prediction *for* `tokens[t]`: nothing has to be shifted.
    Natural logs, temperature 1. Stable: gaps of ±1e4 between logits give a finite result (the log
    of a probability that underflowed to 0 would not). The empty text, T = 0, has
    log-probability 0.0.

    Args:
        logits: (T, V) scores, row t for the token at position t.
        tokens: (T,) token ids, integers from 0 to V - 1.

    Returns:
        A number: the sum of the T log-probabilities, at most 0.

    Raises:
        ValueError: `tokens` and `logits` have different lengths T; the message names one of them.

    Example:
        >>> logits = np.log(np.array([[1.0, 3.0], [2.0, 2.0]]))
        >>> round(sequence_logprob(logits, np.array([1, 0])), 4)  # log(0.75) + log(0.5)
        -0.9808

    Source: Bengio et al. 2003.
    """
    ### BEGIN SOLUTION
    if len(tokens) != len(logits):
        raise ValueError(f"tokens: {len(tokens)} ids do not match {len(logits)} rows of logits")
    # log softmax, with the largest logit moved to 0: log(sum of exp) lies between 0 and log V.
    gaps = logits - logits.max(axis=1, keepdims=True)
    logps = gaps - np.log(np.exp(gaps).sum(axis=1, keepdims=True))
    return float(logps[np.arange(len(tokens)), tokens].sum())
    ### END SOLUTION


def kl_divergence(p: np.ndarray, q: np.ndarray) -> float | np.ndarray:
    """How far the distribution p has moved away from q: the Kullback-Leibler divergence.

    The mean, over what p would say, of how much likelier p finds it than q does:

        KL(p || q) = sum over v of p[v] * (log p[v] - log q[v])

    It is 0 exactly where p equals q, positive otherwise, and not symmetric. Two conventions at 0:
    a term with p = 0 counts 0, whatever q is there (also 0); a term with p > 0 and q = 0 is +inf,
    and so then is the sum. No small constant is added to either. Stable: probabilities down to
    1e-300 count in full.

    Args:
        p: (..., V) probabilities.
        q: (..., V) probabilities; p and q may also be a batch and a single row (V,).

    Returns:
        (...) one divergence per row, in nats; a single number for p and q of shape (V,).

    Example:
        >>> p, q = np.array([0.5, 0.5]), np.array([0.25, 0.75])
        >>> print(f"{kl_divergence(p, q):.4f}, the other way round {kl_divergence(q, p):.4f}")
        0.1438, the other way round 0.1308

    Source: Kullback & Leibler 1951.
    """
    ### BEGIN SOLUTION
    counts = p > 0
    # Where p is 0 the term is 0: put 1 under both logs there, so that 0 * inf never arises.
    with np.errstate(divide="ignore"):  # log 0 = -inf is what we want where q is 0 and p is not
        gaps = np.log(np.where(counts, p, 1.0)) - np.log(np.where(counts, q, 1.0))
    return (p * gaps).sum(axis=-1)
    ### END SOLUTION


def expected_reward(probs: np.ndarray, reward: np.ndarray) -> float | np.ndarray:
    """The reward that a model earns on average when it answers at random by its probabilities.

        E[r] = sum over y of probs[y] * reward[y]

    Args:
        probs: (..., V) probabilities of the V possible answers.
        reward: (V,) or (..., V) reward of each answer, finite.

    Returns:
        (...) one mean per row; a single number for `probs` of shape (V,).

    Example:
        >>> print(f"{expected_reward(np.array([0.8, 0.2]), np.array([-1.0, 4.0])):.4f}")
        0.0000
    """
    ### BEGIN SOLUTION
    return (probs * reward).sum(axis=-1)
    ### END SOLUTION


def aligned_distribution(base_probs: np.ndarray, reward: np.ndarray, beta: float) -> np.ndarray:
    """Tilt a base model towards reward: the best answer to "more reward, but stay close to base".

        p*(y) = base(y) * exp(reward(y) / beta) / Z
        Z     = sum over y of base(y) * exp(reward(y) / beta)

    Of all distributions p, this one maximises E_p[reward] - beta * KL(p || base). A large beta
    leaves the base nearly as it was; a small beta hands nearly everything to the answer with the
    largest reward *among those that the base can give at all*: an answer with base 0 stays at 0.
    Stable: reward / beta up to ±1e4, also where the largest reward belongs to an answer with base
    0, and base probabilities down to 1e-300.

    Args:
        base_probs: (..., V) probabilities of the base model; some may be 0, never all of a row.
        reward: (V,) or (..., V) reward of each answer, finite.
        beta: how much closeness to the base is worth, a positive number.

    Returns:
        (..., V) tilted probabilities; each row along the last axis sums to 1.

    Raises:
        ValueError: `beta` is zero or negative; the message names it.

    Example:
        >>> base, reward = np.array([0.8, 0.2]), np.array([0.0, 1.0])
        >>> aligned_distribution(base, reward, beta=0.5).round(4)  # 0.8 : 0.2 * exp(2)
        array([0.3512, 0.6488])

    Source: Ziegler et al. 2019 (objective); Korbak, Perez & Buckley 2022 (the tilt as its optimum).
    """
    ### BEGIN SOLUTION
    if beta <= 0:
        raise ValueError(f"beta must be positive, got {beta}")
    # In logs the tilt is a sum, and its largest entry can be moved to 0 as in any softmax. A base
    # of 0 becomes -inf *before* the largest is sought, so that its reward cannot drown the others.
    with np.errstate(divide="ignore"):
        scores = np.log(base_probs) + reward / beta
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
    ### END SOLUTION


def alignment_objective(
    probs: np.ndarray, base_probs: np.ndarray, reward: np.ndarray, beta: float
) -> float | np.ndarray:
    """What alignment by reward tries to maximise: reward, minus a price for leaving the base.

        J(p) = E_p[reward] - beta * KL(p || base)

    The divergence runs from the model to the base, in this order. `aligned_distribution` maximises
    J over all p, and J is there beta * log Z, with Z as in its docstring. A model that gives an
    answer which the base never gives scores -inf.

    Args:
        probs: (..., V) probabilities of the model that is judged.
        base_probs: (V,) or (..., V) probabilities of the base model.
        reward: (V,) or (..., V) reward of each answer, finite.
        beta: how much closeness to the base is worth, a positive number.

    Returns:
        (...) one value per row; a single number for `probs` of shape (V,).

    Example:
        >>> base, reward = np.array([0.8, 0.2]), np.array([0.0, 1.0])
        >>> even = np.array([0.5, 0.5])
        >>> print(f"{alignment_objective(even, base, reward, beta=0.5):.4f}")  # 0.5 - 0.5 * 0.2231
        0.3884

    Source: Ziegler et al. 2019.
    """
    ### BEGIN SOLUTION
    return expected_reward(probs, reward) - beta * kl_divergence(probs, base_probs)
    ### END SOLUTION
