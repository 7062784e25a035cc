"""Misunderstandings of the alignment problem's formulas, each as the code that it leads to."""

import numpy as np

from assay.misconceptions import misconception

# --- next_token_probs


def _warm(temperature):
    if temperature <= 0:
        raise ValueError(f"temperature must be positive, got {temperature}")


def _softmax(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


@misconception(
    "next_token_probs",
    "You multiply by the temperature. The logits are divided by it, so that heat evens them out.",
)
def multiplies_by_the_temperature(logits, temperature=1.0):
    _warm(temperature)
    return _softmax(logits * temperature)


@misconception("next_token_probs", "The temperature is not used.")
def ignores_the_temperature(logits, temperature=1.0):
    _warm(temperature)
    return _softmax(logits)


@misconception(
    "next_token_probs",
    "exp of a large logit overflows to inf, and of very negative ones all to 0. Take each row's "
    "largest logit off first: it changes nothing else.",
)
def softmax_that_overflows(logits, temperature=1.0):
    _warm(temperature)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.exp(logits / temperature)
        return weights / weights.sum(axis=-1, keepdims=True)


@misconception(
    "next_token_probs",
    "You take the largest logit of the whole batch off. A row far below it underflows to 0 / 0: "
    "take each row's own maximum.",
)
def one_maximum_for_all_rows(logits, temperature=1.0):
    _warm(temperature)
    weights = np.exp((logits - logits.max()) / temperature)
    with np.errstate(invalid="ignore"):
        return weights / weights.sum(axis=-1, keepdims=True)


@misconception(
    "next_token_probs",
    "You divide by the sum over the whole batch. Each row sums to 1: sum over the last axis.",
)
def one_sum_for_all_rows(logits, temperature=1.0):
    _warm(temperature)
    weights = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    return weights / weights.sum()


@misconception(
    "next_token_probs",
    "You normalise over the first axis. The vocabulary is the last one, the others are a batch.",
)
def softmax_over_the_first_axis(logits, temperature=1.0):
    _warm(temperature)
    weights = np.exp((logits - logits.max(axis=0)) / temperature)
    return weights / weights.sum(axis=0)


@misconception("next_token_probs", "The weights are not divided by their sum: they don't sum to 1.")
def unnormalised_weights(logits, temperature=1.0):
    _warm(temperature)
    return np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)


@misconception("next_token_probs", "You return log-probabilities. Probabilities are asked for.")
def log_probabilities(logits, temperature=1.0):
    _warm(temperature)
    with np.errstate(divide="ignore"):
        return np.log(_softmax(logits / temperature))


@misconception(
    "next_token_probs",
    "You divide the probabilities by the temperature. It divides the logits, before the softmax.",
)
def temperature_after_the_softmax(logits, temperature=1.0):
    _warm(temperature)
    return _softmax(logits) / temperature


@misconception(
    "next_token_probs",
    "Temperature 0 is answered with the most likely token. Here a temperature that isn't positive "
    "raises ValueError.",
)
def greedy_at_zero(logits, temperature=1.0):
    if temperature <= 0:
        return (logits == logits.max(axis=-1, keepdims=True)).astype(float)
    return _softmax(logits / temperature)


@misconception(
    "next_token_probs",
    "You write into the caller's logits (-= or /=). Work on a new array.",
)
def softmax_in_place(logits, temperature=1.0):
    _warm(temperature)
    logits -= logits.max(axis=-1, keepdims=True)
    logits /= temperature
    return _softmax(logits)


# --- sequence_logprob


def _log_softmax(logits):
    gaps = logits - logits.max(axis=-1, keepdims=True)
    return gaps - np.log(np.exp(gaps).sum(axis=-1, keepdims=True))


def _matching(logits, tokens):
    if len(logits) != len(tokens):
        raise ValueError("tokens and logits differ in length")


def _picked(table, tokens):
    return table[np.arange(len(tokens)), tokens]


@misconception(
    "sequence_logprob",
    "You shift the tokens against the logits. Here logits[t] already predicts tokens[t].",
)
def shifts_the_tokens(logits, tokens):
    _matching(logits, tokens)
    return float(_picked(_log_softmax(logits[:-1]), tokens[1:]).sum())


@misconception(
    "sequence_logprob", "You take the mean over the tokens. The log-probability is their sum."
)
def mean_over_the_tokens(logits, tokens):
    _matching(logits, tokens)
    return float(_picked(_log_softmax(logits), tokens).sum() / max(len(tokens), 1))


@misconception(
    "sequence_logprob",
    "log(softmax(x)) is not stable: a probability that underflows to 0 has the log -inf. "
    "Subtract the log of the sum of exponentials instead.",
)
def log_of_softmax(logits, tokens):
    _matching(logits, tokens)
    with np.errstate(divide="ignore"):
        return float(np.log(_picked(_softmax(logits), tokens)).sum())


@misconception(
    "sequence_logprob",
    "exp of a large logit overflows. Take each row's largest logit off before the log-sum-exp.",
)
def log_sum_exp_that_overflows(logits, tokens):
    _matching(logits, tokens)
    with np.errstate(divide="ignore", over="ignore"):
        logps = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return float(_picked(logps, tokens).sum())


@misconception(
    "sequence_logprob",
    "You add the raw logits. A logit becomes a log-probability when the log of its row's sum of "
    "exponentials is taken off.",
)
def sum_of_logits(logits, tokens):
    _matching(logits, tokens)
    return float(_picked(logits, tokens).sum())


@misconception(
    "sequence_logprob", "You return the probability of the text. Its logarithm is asked for."
)
def probability_of_the_text(logits, tokens):
    _matching(logits, tokens)
    return float(np.exp(_picked(_log_softmax(logits), tokens).sum()))


@misconception(
    "sequence_logprob",
    "You take the best token of each row. The text says which token counts: tokens[t].",
)
def best_tokens(logits, tokens):
    _matching(logits, tokens)
    return float(_log_softmax(logits).max(axis=-1).sum())


@misconception(
    "sequence_logprob",
    "You normalise over positions, or over the whole table. Each row is a distribution of its own.",
)
def normalised_over_the_table(logits, tokens):
    _matching(logits, tokens)
    if len(tokens) == 0:
        return 0.0
    gaps = logits - logits.max()
    return float(_picked(gaps - np.log(np.exp(gaps).sum()), tokens).sum())


@misconception(
    "sequence_logprob",
    "A small number inside the logarithm hides unlikely tokens: they all look equally unlikely.",
)
def log_with_an_epsilon(logits, tokens):
    _matching(logits, tokens)
    return float(np.log(_picked(_softmax(logits), tokens) + 1e-12).sum())


@misconception("sequence_logprob", "The empty text has log-probability 0; yours is no such number.")
def nan_for_the_empty_text(logits, tokens):
    _matching(logits, tokens)
    return float(_picked(_log_softmax(logits), tokens).sum()) if len(tokens) else float("-inf")


@misconception(
    "sequence_logprob",
    "Lengths that differ go unnoticed: compare them, and raise ValueError. (zip stops at the "
    "shorter one; NumPy spreads a single token over all rows.)",
)
def unequal_lengths_go_unnoticed(logits, tokens):
    steps = zip(_log_softmax(logits), tokens, strict=False)
    return float(sum(logps[token] for logps, token in steps))


# --- kl_divergence


def _divergence(p, q):
    counts = p > 0
    with np.errstate(divide="ignore"):
        gaps = np.log(np.where(counts, p, 1.0)) - np.log(np.where(counts, q, 1.0))
    return (p * gaps).sum(axis=-1)


@misconception(
    "kl_divergence",
    "p and q are the wrong way round. KL(p || q) averages over p: its first argument says what "
    "happens.",
)
def reversed_divergence(p, q):
    return _divergence(q, p)


@misconception(
    "kl_divergence",
    "A small constant inside the logarithms changes the result, and hides where it should be "
    "infinite.",
)
def divergence_with_an_epsilon(p, q):
    return (p * (np.log(p + 1e-8) - np.log(q + 1e-8))).sum(axis=-1)


@misconception(
    "kl_divergence",
    "Where p is 0 your term is 0 * inf = nan. It counts 0: replace p and q there before the log.",
)
def nan_where_p_is_zero(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return (p * (np.log(p) - np.log(q))).sum(axis=-1)


@misconception(
    "kl_divergence",
    "You leave out the terms with q = 0. Where p is positive there, the divergence is infinite.",
)
def leaves_out_what_q_never_says(p, q):
    counts = (p > 0) & (q > 0)
    return (p * (np.log(np.where(counts, p, 1.0)) - np.log(np.where(counts, q, 1.0)))).sum(axis=-1)


@misconception(
    "kl_divergence",
    "You keep q away from 0. Then p > 0 over q = 0 is merely large; it should be infinite.",
)
def clips_q(p, q):
    return _divergence(p, np.maximum(q, 1e-12))


@misconception("kl_divergence", "The logarithm is to base 2. Divergences here are in nats: base e.")
def divergence_in_bits(p, q):
    return _divergence(p, q) / np.log(2)


@misconception(
    "kl_divergence",
    "That is the cross-entropy, -sum p log q. The entropy of p is still to be taken off.",
)
def cross_entropy(p, q):
    with np.errstate(divide="ignore"):
        return -(p * np.log(np.where(p > 0, q, 1.0))).sum(axis=-1)


@misconception(
    "kl_divergence", "You sum over the whole batch. Sum over the last axis: one number per row."
)
def divergence_of_the_whole_batch(p, q):
    counts = p > 0
    with np.errstate(divide="ignore"):
        gaps = np.log(np.where(counts, p, 1.0)) - np.log(np.where(counts, q, 1.0))
    return (p * gaps).sum()


@misconception(
    "kl_divergence",
    "You take the mean of the terms. The probabilities are the weights already: take the sum.",
)
def mean_of_the_terms(p, q):
    return _divergence(p, q) / p.shape[-1]


@misconception(
    "kl_divergence",
    "You average both directions. The divergence is not symmetric; only KL(p || q) is asked for.",
)
def symmetrised_divergence(p, q):
    return (_divergence(p, q) + _divergence(q, p)) / 2


@misconception(
    "kl_divergence",
    "You write into the caller's arrays where they are 0. Make new ones (np.where).",
)
def mends_zeros_in_place(p, q):
    q[p == 0] = 1.0
    p[p == 0] = 1e-320
    return _divergence(p, q)


# --- expected_reward


@misconception(
    "expected_reward",
    "You take the mean of probability times reward. The probabilities are the weights already: "
    "sum.",
)
def mean_of_products(probs, reward):
    return (probs * reward).mean(axis=-1)


@misconception(
    "expected_reward", "All answers count the same. Weigh each reward by its answer's probability."
)
def unweighted_mean(probs, reward):
    return (0 * probs + reward).mean(axis=-1)


@misconception(
    "expected_reward", "You sum over the whole batch. Sum over the last axis: one number per row."
)
def reward_of_the_whole_batch(probs, reward):
    return (probs * reward).sum()


@misconception(
    "expected_reward",
    "You take the reward of the likeliest answer. The model answers at random: every answer "
    "counts.",
)
def reward_of_the_likeliest(probs, reward):
    reward = np.broadcast_to(reward, probs.shape)
    return np.take_along_axis(reward, probs.argmax(-1)[..., None], -1)[..., 0]


@misconception(
    "expected_reward",
    "You sum over the first axis. The answers are the last one, the others a batch.",
)
def reward_over_the_first_axis(probs, reward):
    return (probs * reward).sum(axis=0)


@misconception("expected_reward", "The products are not added up.")
def products_alone(probs, reward):
    return probs * reward


# --- aligned_distribution


def _priced(beta):
    if beta <= 0:
        raise ValueError(f"beta must be positive, got {beta}")


def _log(probs):
    with np.errstate(divide="ignore"):
        return np.log(probs)


@misconception(
    "aligned_distribution",
    "You multiply the reward by beta. It is divided: a large beta means staying close to the base.",
)
def tilt_times_beta(base_probs, reward, beta):
    _priced(beta)
    return _softmax(_log(base_probs) + reward * beta)


@misconception("aligned_distribution", "beta is not used.")
def tilt_without_beta(base_probs, reward, beta):
    _priced(beta)
    return _softmax(_log(base_probs) + reward)


@misconception(
    "aligned_distribution",
    "The base is missing: yours is a softmax of rewards alone, which forgets what the model can "
    "say.",
)
def softmax_of_rewards(base_probs, reward, beta):
    _priced(beta)
    return _softmax(0 * base_probs + reward / beta)


@misconception("aligned_distribution", "The sign is flipped: the worst answers gain.")
def tilt_away_from_reward(base_probs, reward, beta):
    _priced(beta)
    return _softmax(_log(base_probs) - reward / beta)


@misconception(
    "aligned_distribution",
    "exp(reward / beta) overflows, or underflows everywhere. Take the largest exponent off first.",
)
def tilt_that_overflows(base_probs, reward, beta):
    _priced(beta)
    with np.errstate(all="ignore"):
        weights = base_probs * np.exp(reward / beta)
        return weights / weights.sum(axis=-1, keepdims=True)


@misconception(
    "aligned_distribution",
    "You take off the largest reward of all answers, also of those that the base never gives. "
    "Everything else then underflows to 0 / 0: only answers with a positive base may set the "
    "maximum.",
)
def an_impossible_answer_sets_the_maximum(base_probs, reward, beta):
    _priced(beta)
    scores = reward / beta
    weights = base_probs * np.exp(scores - scores.max(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore"):
        return weights / weights.sum(axis=-1, keepdims=True)


@misconception(
    "aligned_distribution",
    "You take the largest exponent of the whole batch off. Each row needs its own, or it "
    "underflows.",
)
def one_maximum_for_all_tilts(base_probs, reward, beta):
    _priced(beta)
    scores = _log(base_probs) + reward / beta
    weights = np.exp(scores - scores.max())
    with np.errstate(invalid="ignore"):
        return weights / weights.sum(axis=-1, keepdims=True)


@misconception("aligned_distribution", "The weights are not divided by their sum.")
def tilt_without_z(base_probs, reward, beta):
    _priced(beta)
    return base_probs * np.exp(np.minimum(reward / beta, 700.0))


@misconception(
    "aligned_distribution",
    "You divide by the sum over the whole batch. Each row sums to 1: sum over the last axis.",
)
def one_z_for_all_rows(base_probs, reward, beta):
    _priced(beta)
    scores = _log(base_probs) + reward / beta
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum()


@misconception(
    "aligned_distribution",
    "You add base and softmax of the rewards. The tilt multiplies: what the base never says "
    "stays at 0.",
)
def mixture_instead_of_tilt(base_probs, reward, beta):
    _priced(beta)
    return (base_probs + _softmax(0 * base_probs + reward / beta)) / 2


@misconception(
    "aligned_distribution",
    "You use the base probability as if it were a logit. In the exponent stands its logarithm.",
)
def base_as_a_logit(base_probs, reward, beta):
    _priced(beta)
    return _softmax(base_probs + reward / beta)


@misconception(
    "aligned_distribution",
    "beta divides the log of the base, too. Only the reward is divided by it.",
)
def beta_under_the_base(base_probs, reward, beta):
    _priced(beta)
    return _softmax((_log(base_probs) + reward) / beta)


@misconception(
    "aligned_distribution",
    "A small constant added to the base lets answers appear that the base never gives. Zeros "
    "stay zero.",
)
def tilt_with_an_epsilon(base_probs, reward, beta):
    _priced(beta)
    return _softmax(np.log(base_probs + 1e-8) + reward / beta)


@misconception("aligned_distribution", "A beta that isn't positive should raise ValueError.")
def any_beta_will_do(base_probs, reward, beta):
    with np.errstate(all="ignore"):
        return _softmax(_log(base_probs) + reward / np.float64(beta))


# --- alignment_objective


@misconception(
    "alignment_objective",
    "The distance is added. It is a price: subtract beta times the divergence.",
)
def distance_is_rewarded(probs, base_probs, reward, beta):
    return (probs * reward).sum(axis=-1) + beta * _divergence(probs, base_probs)


@misconception(
    "alignment_objective",
    "The divergence is the wrong way round: it runs from the model (probs) to the base.",
)
def objective_with_reversed_divergence(probs, base_probs, reward, beta):
    probs, base_probs = np.broadcast_arrays(probs, base_probs)
    return (probs * reward).sum(axis=-1) - beta * _divergence(base_probs, probs)


@misconception("alignment_objective", "beta is missing from the divergence.")
def objective_without_beta(probs, base_probs, reward, beta):
    return (probs * reward).sum(axis=-1) - _divergence(probs, base_probs)


@misconception("alignment_objective", "beta scales the reward. It scales the divergence.")
def beta_on_the_reward(probs, base_probs, reward, beta):
    return beta * (probs * reward).sum(axis=-1) - _divergence(probs, base_probs)


@misconception("alignment_objective", "The divergence is divided by beta. It is multiplied by it.")
def divergence_over_beta(probs, base_probs, reward, beta):
    return (probs * reward).sum(axis=-1) - _divergence(probs, base_probs) / beta


@misconception("alignment_objective", "The divergence from the base is missing.")
def reward_is_all(probs, base_probs, reward, beta):
    return (probs * reward).sum(axis=-1) + 0 * base_probs.sum(axis=-1)


@misconception(
    "alignment_objective",
    "You reward entropy instead of closeness: -beta * sum p log p forgets the base.",
)
def entropy_bonus(probs, base_probs, reward, beta):
    logs = np.log(np.where(probs > 0, probs, 1.0))
    return (probs * (reward - beta * logs)).sum(axis=-1) + 0 * base_probs.sum(axis=-1)


@misconception(
    "alignment_objective",
    "Where probs is 0 your term is nan. It adds nothing: replace the probabilities there before "
    "the log.",
)
def objective_nan_at_zero(probs, base_probs, reward, beta):
    with np.errstate(divide="ignore", invalid="ignore"):
        return (probs * (reward - beta * (np.log(probs) - np.log(base_probs)))).sum(axis=-1)


@misconception(
    "alignment_objective",
    "A small constant in the logarithms makes new answers merely dear. They are worth -inf.",
)
def objective_with_an_epsilon(probs, base_probs, reward, beta):
    gaps = np.log(probs + 1e-12) - np.log(base_probs + 1e-12)
    return (probs * (reward - beta * gaps)).sum(axis=-1)


@misconception(
    "alignment_objective",
    "You sum over the whole batch. Sum over the last axis: one value per row.",
)
def objective_of_the_whole_batch(probs, base_probs, reward, beta):
    probs, base_probs = np.broadcast_arrays(probs, base_probs)
    return (probs * reward).sum() - beta * _divergence(probs, base_probs).sum()
