"""Overoptimization: how far a proxy reward can be pushed before the true reward falls."""

import math

import numpy as np


def best_of_n_kl(n: int) -> float:
    """How far best-of-n sampling moves away from the base policy, in nats.

    Draw n responses from the base policy, keep the one with the highest reward. The response that
    is kept follows a new distribution, and its KL divergence from the base policy is

        KL(best of n ‖ base) = log n − (n − 1)/n

    with the natural logarithm. No reward appears in it. The formula is exact where no two draws
    ever tie in reward, as with a continuous reward. Draws of a few possible responses do tie (the
    same one can come twice): the real divergence is then smaller, and the formula an upper bound.

    Args:
        n: how many responses are drawn, a whole number of at least 1.

    Returns:
        The divergence as a float, in nats; 0 for n = 1, where nothing is selected.

    Raises:
        ValueError: `n` is below 1. The message names `n`.

    Example:
        Four samples cost log 4 − 3/4 nats:

        >>> round(best_of_n_kl(4), 4)
        0.6363

    Source: Gao et al. 2022 (use it); Beirami et al. 2024 (show that it is an upper bound).
    """
    ### BEGIN SOLUTION
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return math.log(n) - (n - 1) / n
    ### END SOLUTION


def gold_reward(kl: float | np.ndarray, alpha: float, beta: float, kind: str) -> float | np.ndarray:
    """The true (gold) reward gained when a proxy was optimised up to a given KL from the start.

    Gao et al. fitted two curves, one for each way to optimise. With d = sqrt(kl),

        kind "bon" (best of n):               gold = d · (α − β · d)
        kind "rl"  (reinforcement learning):  gold = d · (α − β · log d),  and 0 at d = 0

    where log is the natural logarithm. α says how much the proxy is worth at first, β how fast that
    worth is lost. For positive α and β both curves start at 0, rise, and fall again: the proxy has
    then been optimised too hard.

    Args:
        kl: KL divergence from the starting policy in nats, at least 0: a float, or an array of any
            shape. It is left unchanged.
        alpha: α, the worth of the proxy at first.
        beta: β, the strength of overoptimization (not the KL penalty of RLHF).
        kind: "bon" or "rl".

    Returns:
        The gold reward gained, elementwise: a number for a float, an array of the same shape for an
        array. At kl = 0 it is exactly 0 for both kinds (for "rl" the formula itself reads 0 · ∞
        there; 0 is its limit).

    Raises:
        ValueError: `kind` is neither "bon" nor "rl", or some `kl` is negative. The message names
            the argument.

    Example:
        At kl = 4, d is 2:

        >>> float(gold_reward(4.0, alpha=1.0, beta=0.25, kind="bon"))
        1.0
        >>> round(float(gold_reward(4.0, alpha=1.0, beta=0.25, kind="rl")), 4)
        1.6534

    Source: Gao et al. 2022.
    """
    ### BEGIN SOLUTION
    if kind not in ("bon", "rl"):
        raise ValueError(f'kind must be "bon" or "rl", got {kind!r}')
    if (np.asarray(kl) < 0).any():
        raise ValueError("kl must not be negative")
    d = np.sqrt(kl)
    if kind == "bon":
        return d * (alpha - beta * d)
    # At d = 0 the factor d makes the result 0 whatever finite number stands in for log d.
    log_d = np.log(np.where(d > 0, d, 1.0))
    return d * (alpha - beta * log_d)
    ### END SOLUTION


def peak_kl(alpha: float, beta: float, kind: str) -> float:
    """The KL at which the gold reward is highest: the point to stop optimising.

    Set the slope of `gold_reward` in d = sqrt(kl) to zero:

        kind "bon":  kl = (α / (2β))²
        kind "rl":   kl = (exp(α/β − 1))²

    Args:
        alpha: α of `gold_reward`, above 0.
        beta: β of `gold_reward`, above 0. The ratio α/β is at most 300.
        kind: "bon" or "rl".

    Returns:
        The KL divergence of the peak as a float, in nats.

    Raises:
        ValueError: `alpha` <= 0, `beta` <= 0, or `kind` is neither "bon" nor "rl". The message
            names the argument.

    Example:
        >>> peak_kl(alpha=1.0, beta=0.25, kind="bon")
        4.0
        >>> round(peak_kl(alpha=1.0, beta=0.25, kind="rl"), 4)
        403.4288

    Source: follows from the curves of Gao et al. 2022.
    """
    ### BEGIN SOLUTION
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, got {alpha}")
    if beta <= 0:
        raise ValueError(f"beta must be positive, got {beta}")
    if kind == "bon":
        return (alpha / (2 * beta)) ** 2
    if kind == "rl":
        return math.exp(alpha / beta - 1) ** 2
    raise ValueError(f'kind must be "bon" or "rl", got {kind!r}')
    ### END SOLUTION


def optimize_proxy(
    base_probs: np.ndarray, proxy: np.ndarray, gold: np.ndarray, betas: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Optimise a proxy under several KL penalties; report the KL, the proxy and the gold reward.

    Under a KL penalty β the best policy for the proxy is the base policy, tilted by the proxy:

        p_β(y) = base(y) · exp(proxy(y) / β) / Z,   Z = Σ base · exp(proxy / β)
        kl     = Σ p_β · log(p_β / base)
        E[proxy] = Σ p_β · proxy
        E[gold]  = Σ p_β · gold

    A large β keeps the policy near the base; a small β lets it chase the proxy. The gold reward has
    no part in the optimisation: it is only looked up afterwards.

    Args:
        base_probs: (V,) probabilities of the V responses under the base policy, summing to 1. Zeros
            are allowed: such a response keeps probability 0 and adds nothing to any sum, even where
            its proxy is the largest of all.
        proxy: (V,) reward that is optimised. Stable for proxy/β up to ±1e4.
        gold: (V,) reward that is really wanted.
        betas: (B,) KL penalties, each above 0, in any order. An empty array gives three empty
            arrays.

    Returns:
        Three arrays (kl, expected proxy, expected gold), each of shape (B,), in the order of
        `betas`. kl is KL(tilted ‖ base) in nats. The arguments are left unchanged.

    Raises:
        ValueError: some β in `betas` is <= 0; `base_probs`, `proxy` and `gold` differ in length
            or are empty. The message names `betas`, or one of those three.

    Example:
        Two responses; the proxy likes the first, the gold reward the second. With β = 1 the first
        gets probability e/(e + 1) = 0.7311:

        >>> half, betas = np.array([0.5, 0.5]), np.array([1.0, 0.1])
        >>> likes, worth = np.array([1.0, 0.0]), np.array([0.0, 1.0])
        >>> kl, proxy, gold = optimize_proxy(half, likes, worth, betas)
        >>> kl.round(4).tolist()
        [0.1109, 0.6926]
        >>> proxy.round(4).tolist()
        [0.7311, 1.0]
        >>> gold.round(4).tolist()
        [0.2689, 0.0]

    Source: the experiment of Gao et al. 2022, in closed form; the tilt is that of chapter 0.
    """
    ### BEGIN SOLUTION
    base_probs, proxy, gold = (np.asarray(x) for x in (base_probs, proxy, gold))
    if not len(base_probs) == len(proxy) == len(gold):
        raise ValueError("base_probs, proxy and gold must have the same length")
    if len(base_probs) == 0:
        raise ValueError("base_probs must not be empty")
    betas = np.asarray(betas)
    if np.any(betas <= 0):
        raise ValueError("betas must all be positive")

    # Responses that the base policy never gives stay impossible, so they can be left out at once.
    possible = base_probs > 0
    log_base, proxy, gold = np.log(base_probs[possible]), proxy[possible], gold[possible]
    kls, proxies, golds = np.empty((3, len(betas)))
    for i, beta in enumerate(betas):
        log_probs = log_base + proxy / beta
        log_probs = log_probs - log_probs.max()  # so that exp cannot overflow
        log_probs = log_probs - np.log(np.exp(log_probs).sum())
        probs = np.exp(log_probs)
        kls[i] = probs @ (log_probs - log_base)
        proxies[i] = probs @ proxy
        golds[i] = probs @ gold
    return kls, proxies, golds
    ### END SOLUTION


def overoptimization_step(proxy: np.ndarray, gold: np.ndarray) -> int | None:
    """The step after which training only fooled the proxy, or None.

    Let t be the step with the best gold reward, the first one if several are equally good. The run
    was overoptimised if, from t to the last step, the gold reward fell and the proxy still rose:

        gold[-1] < gold[t]   and   proxy[-1] > proxy[t]

    Both comparisons are strict. The steps between t and the last one don't matter.

    Args:
        proxy: (T,) proxy reward at each training step.
        gold: (T,) gold reward at the same steps.

    Returns:
        t, counted from 0, if the run was overoptimised, else None. The arguments are left
        unchanged.

    Raises:
        ValueError: `proxy` and `gold` differ in length or are empty. The message names one of them.

    Example:
        >>> proxy = np.array([0.0, 1.0, 2.0, 3.0])
        >>> overoptimization_step(proxy, np.array([0.0, 0.5, 0.8, 0.1]))
        2
        >>> print(overoptimization_step(proxy, np.array([0.0, 0.5, 0.8, 0.9])))
        None

    Source: the pattern described by Gao et al. 2022.
    """
    ### BEGIN SOLUTION
    if len(proxy) != len(gold):
        raise ValueError("proxy and gold must have the same length")
    if len(gold) == 0:
        raise ValueError("proxy and gold must not be empty")
    best = int(np.argmax(gold))  # argmax gives the first of equals
    fooled = gold[-1] < gold[best] and proxy[-1] > proxy[best]
    return best if fooled else None
    ### END SOLUTION
