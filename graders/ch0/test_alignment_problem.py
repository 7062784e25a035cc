"""What is true of the alignment problem's formulas; every definition is written afresh here."""

import itertools
import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import arrays, distributions, numbers, sizes
from assay.judging import agree, finite, rejects, untouched
from assay.properties import core, extra

INF = math.inf
TEMPERATURES = st.sampled_from([0.5, 1.0, 2.0])
BETAS = st.sampled_from([0.25, 0.5, 1.0, 4.0])
NOT_POSITIVE = st.sampled_from([0.0, -1.0])


def row(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def weighed(weights: list[float]) -> np.ndarray:
    """The weights as shares of their sum."""
    total = math.fsum(weights)
    return row(*(weight / total for weight in weights))


def softmax(scores: list[float]) -> np.ndarray:
    return weighed([math.exp(score) for score in scores])


def kl(p: np.ndarray, q: np.ndarray) -> float:
    pairs = zip(p.tolist(), q.tolist(), strict=True)
    return math.fsum(a * (math.log(a) - math.log(b)) for a, b in pairs if a > 0)


def mean(probs: np.ndarray, reward: np.ndarray) -> float:
    return math.fsum(p * r for p, r in zip(probs.tolist(), reward.tolist(), strict=True))


def tilt(base: np.ndarray, reward: np.ndarray, beta: float) -> np.ndarray:
    pairs = zip(base.tolist(), reward.tolist(), strict=True)
    return weighed([b * math.exp(r / beta) for b, r in pairs])


@st.composite
def worlds(draw, count=1):
    """So many distributions over one set of answers, and a reward for each answer."""
    size = draw(sizes(2, 4))
    probs = [draw(distributions(size)) for _ in range(count)]
    return (*probs, draw(arrays(size)))


BASE, REWARD = row(0.5, 0.125, 0.375), row(-1.0, 2.0, 0.5)
OTHER = row(0.25, 0.5, 0.25)


# --- next_token_probs


@core("next_token_probs")
@given(arrays(sizes(2, 5)), TEMPERATURES)
@example(row(0.0, 1.0, -2.0), 2.0)
@example(row(3.0), 0.5)
def test_next_token_probs_is_a_softmax(learner, logits, temperature):
    """Probabilities are proportional to exp(logit / temperature) and sum to 1."""
    expected = softmax([logit / temperature for logit in logits.tolist()])
    agree(learner.next_token_probs(logits, temperature), expected)


@core("next_token_probs")
@given(arrays(sizes(), sizes(2, 3)), TEMPERATURES)
@example(np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]]), 0.5)
def test_next_token_probs_treats_each_row_of_a_batch_alone(learner, logits, temperature):
    """In a batch, every row along the last axis is a distribution of its own."""
    expected = np.stack([softmax([x / temperature for x in one.tolist()]) for one in logits])
    agree(learner.next_token_probs(logits, temperature), expected)


@extra("next_token_probs")
def test_next_token_probs_has_the_usual_temperature(learner):
    """Without a temperature, 1 is taken."""
    agree(learner.next_token_probs(row(0.0, 1.0, 2.5)), softmax([0.0, 1.0, 2.5]))


@extra("next_token_probs", weight=2)
@given(st.sampled_from([1000.0, -1000.0, 1e6, -1e6]))
def test_next_token_probs_ignores_a_common_constant(learner, constant):
    """Adding one constant to all logits changes nothing, however large it is."""
    agree(learner.next_token_probs(row(0.0, 1.0) + constant), softmax([0.0, 1.0]), scale=1e6)


@extra("next_token_probs", weight=2)
def test_next_token_probs_survives_rows_far_apart(learner):
    """Each row is stable by itself: a large logit in one row doesn't drown another row."""
    logits = np.array([[[5000.0, 5000.0], [-5000.0, -5000.0]], [[0.0, 0.0], [1e4, -1e4]]])
    expected = np.array([[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [1.0, 0.0]]])
    agree(learner.next_token_probs(logits), expected)


@extra("next_token_probs")
def test_next_token_probs_turns_greedy_in_the_cold(learner):
    """Near temperature 0 the most likely token takes all, and tokens that tie for it share."""
    agree(learner.next_token_probs(row(1.0, 3.0, 2.0), 1e-4), row(0.0, 1.0, 0.0))
    agree(learner.next_token_probs(row(3.0, 3.0, 2.0), 1e-4), row(0.5, 0.5, 0.0))


@extra("next_token_probs")
def test_next_token_probs_never_says_a_forbidden_token(learner):
    """A logit of -inf gets probability 0, and the others share the rest."""
    agree(learner.next_token_probs(row(1.0, -INF, 2.0)), weighed([1.0, 0.0, math.e]))


@extra("next_token_probs")
@given(NOT_POSITIVE)
def test_next_token_probs_refuses_a_bad_temperature(learner, temperature):
    """temperature <= 0 raises ValueError."""
    rejects(learner.attempt("next_token_probs", row(0.0, 1.0), temperature))


@extra("next_token_probs")
def test_next_token_probs_names_the_bad_argument(learner):
    """The message of the ValueError names temperature."""
    call = learner.attempt("next_token_probs", row(0.0, 1.0), -1.0)
    rejects(call, naming="temperature")


@extra("next_token_probs")
def test_next_token_probs_leaves_its_input(learner):
    """The function doesn't change the logits."""
    untouched(learner.attempt("next_token_probs", row(0.0, 1.0), 2.0))


# --- sequence_logprob


@st.composite
def texts(draw):
    """Logits (T, V) and tokens (T,)."""
    logits = draw(arrays(sizes(), sizes(2, 4)))
    length, words = logits.shape
    tokens = draw(st.lists(st.integers(0, words - 1), min_size=length, max_size=length))
    return logits, np.array(tokens)


@core("sequence_logprob")
@given(texts())
@example((np.array([[0.0, 1.0, 2.0], [1.0, -1.0, 0.5]]), np.array([2, 0])))
def test_sequence_logprob_is_the_sum_over_the_tokens(learner, text):
    """The log-probability of a text is the sum of log softmax(logits[t])[tokens[t]]."""
    logits, tokens = text
    steps = zip(logits.tolist(), tokens.tolist(), strict=True)
    expected = math.fsum(math.log(softmax(scores)[token]) for scores, token in steps)
    agree(learner.sequence_logprob(logits, tokens), expected)


@extra("sequence_logprob")
@given(arrays(3, 2))
@example(np.array([[0.0, 1.0], [2.0, -1.0], [0.5, 0.0]]))
def test_sequence_logprob_is_a_distribution_over_texts(learner, logits):
    """The probabilities of all texts of one length sum to 1."""
    texts = itertools.product(range(2), repeat=3)
    total = math.fsum(math.exp(learner.sequence_logprob(logits, np.array(t))) for t in texts)
    agree(total, 1.0)


@extra("sequence_logprob", weight=2)
def test_sequence_logprob_of_an_unlikely_text_is_finite(learner):
    """A token 1e4 below the best has log-probability -1e4, though its probability underflows."""
    logits, tokens = np.array([[0.0, 1e4], [-1e4, 0.0]]), np.array([0, 0])
    agree(learner.sequence_logprob(logits, tokens), -2e4)


@extra("sequence_logprob", weight=2)
@given(st.sampled_from([1e4, -1e4]))
def test_sequence_logprob_ignores_a_constant_of_a_row(learner, constant):
    """Adding a constant to all logits of one position changes nothing."""
    logits = np.array([[0.0, 1.0], [1.0, 0.0]])
    shifted = logits + np.array([[constant], [0.0]])
    expected = 2 * math.log(softmax([0.0, 1.0])[0])
    agree(learner.sequence_logprob(shifted, np.array([0, 1])), expected, scale=1e4)


@extra("sequence_logprob")
def test_sequence_logprob_of_the_empty_text(learner):
    """The empty text is certain: log-probability 0."""
    agree(learner.sequence_logprob(np.zeros((0, 3)), np.zeros(0, dtype=int)), 0.0)


@extra("sequence_logprob")
@given(st.sampled_from([[1], [0, 1, 0, 1], [0, 1], []]))
def test_sequence_logprob_refuses_unequal_lengths(learner, tokens):
    """More or fewer tokens than rows of logits raise ValueError."""
    call = learner.attempt("sequence_logprob", np.zeros((3, 2)), np.array(tokens, dtype=int))
    rejects(call)


@extra("sequence_logprob")
def test_sequence_logprob_names_the_bad_argument(learner):
    """The message of the ValueError names tokens or logits."""
    call = learner.attempt("sequence_logprob", np.zeros((3, 2)), np.array([1]))
    rejects(call, naming=("tokens", "logits"))


@extra("sequence_logprob")
def test_sequence_logprob_leaves_its_input(learner):
    """The function changes neither the logits nor the tokens."""
    logits, tokens = np.array([[0.0, 1.0], [1.0, 0.5]]), np.array([0, 1])
    untouched(learner.attempt("sequence_logprob", logits, tokens))


# --- kl_divergence


@core("kl_divergence")
@given(worlds(2))
@example((row(0.75, 0.25), row(0.25, 0.75), row(0.0, 0.0)))
@example((OTHER, BASE, REWARD))
def test_kl_divergence_is_the_mean_log_ratio(learner, world):
    """KL(p || q) is the sum of p * (log p - log q)."""
    p, q, _ = world
    agree(learner.kl_divergence(p, q), kl(p, q))


@core("kl_divergence")
def test_kl_divergence_treats_each_row_of_a_batch_alone(learner):
    """In a batch there is one divergence per row."""
    p, q = np.stack([BASE, OTHER, BASE]), np.stack([OTHER, OTHER, row(0.25, 0.25, 0.5)])
    agree(learner.kl_divergence(p, q), row(*map(kl, p, q)))
    agree(learner.kl_divergence(p[:1], q[:1]), row(kl(BASE, OTHER)))


@extra("kl_divergence", weight=2)
@given(distributions(3, zeros=True))
@example(row(0.0, 1.0, 0.0))
def test_kl_divergence_counts_nothing_where_p_is_zero(learner, p):
    """A term with p = 0 counts 0."""
    agree(learner.kl_divergence(p, BASE), kl(p, BASE))


@extra("kl_divergence")
def test_kl_divergence_counts_nothing_where_both_are_zero(learner):
    """A term with p = 0 and q = 0 counts 0, too."""
    agree(
        learner.kl_divergence(row(0.0, 0.5, 0.5), row(0.0, 0.25, 0.75)),
        kl(row(0.5, 0.5), row(0.25, 0.75)),
    )


@extra("kl_divergence", weight=2)
def test_kl_divergence_is_infinite_where_q_never_goes(learner):
    """Where p > 0 and q = 0 the divergence is +inf; other rows of the batch stay finite."""
    p, q = np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([[1.0, 0.0], [0.25, 0.75]])
    agree(learner.kl_divergence(p, q), row(INF, kl(p[1], q[1])))


@extra("kl_divergence")
@given(worlds(2))
@example((BASE, OTHER, REWARD))
def test_kl_divergence_adds_up_over_independent_parts(learner, world):
    """Two independent draws are twice as far apart as one, and p is at distance 0 from itself."""
    p, q, _ = world
    pairs = np.outer(p, p).ravel(), np.outer(q, q).ravel()
    agree(learner.kl_divergence(*pairs), 2 * kl(p, q))
    agree(learner.kl_divergence(p, p), 0.0)


@extra("kl_divergence")
def test_kl_divergence_of_tiny_probabilities(learner):
    """A probability of 1e-300 counts in full."""
    agree(learner.kl_divergence(row(1.0, 1e-300), row(1e-300, 1.0)), 300 * math.log(10))


@extra("kl_divergence")
def test_kl_divergence_of_a_batch_from_one_row(learner):
    """p and q may be a batch and a single row, either way round."""
    batch = np.stack([OTHER, BASE])[:, None]
    agree(learner.kl_divergence(batch, BASE), np.array([[kl(OTHER, BASE)], [0.0]]))
    agree(learner.kl_divergence(BASE, batch), np.array([[kl(BASE, OTHER)], [0.0]]))


@extra("kl_divergence")
def test_kl_divergence_leaves_its_input(learner):
    """The function changes neither argument, zeros included."""
    untouched(learner.attempt("kl_divergence", row(0.0, 1.0), row(0.0, 1.0)))


# --- expected_reward


@core("expected_reward")
@given(worlds())
@example((row(0.75, 0.25), row(1.0, -2.0)))
@example((BASE, REWARD))
def test_expected_reward_weighs_by_probability(learner, world):
    """The expected reward is the sum of probability times reward."""
    probs, reward = world
    agree(learner.expected_reward(probs, reward), mean(probs, reward))


@core("expected_reward")
def test_expected_reward_treats_each_row_of_a_batch_alone(learner):
    """In a batch there is one expected reward per row."""
    probs = np.stack([BASE, OTHER, OTHER])
    agree(learner.expected_reward(probs, REWARD), row(*(mean(p, REWARD) for p in probs)))
    agree(learner.expected_reward(probs[:1], REWARD), row(mean(BASE, REWARD)))


@extra("expected_reward")
def test_expected_reward_takes_a_reward_for_each_row(learner):
    """The reward may differ from row to row, with any leading axes."""
    probs, rewards = np.stack([BASE, OTHER])[:, None], np.stack([REWARD, -REWARD])[:, None]
    agree(
        learner.expected_reward(probs, rewards),
        np.array([[mean(BASE, REWARD)], [-mean(OTHER, REWARD)]]),
    )


@extra("expected_reward")
@given(worlds(), numbers())
@example((BASE, REWARD), 2.0)
def test_expected_reward_is_linear(learner, world, shift):
    """Twice the reward plus a constant earns twice as much plus that constant."""
    probs, reward = world
    agree(learner.expected_reward(probs, 2 * reward + shift), 2 * mean(probs, reward) + shift)


@extra("expected_reward")
def test_expected_reward_ignores_what_is_never_said(learner):
    """An answer of probability 0 earns nothing, however large its reward."""
    agree(learner.expected_reward(row(0.0, 0.5, 0.5), row(1e9, 1.0, 2.0)), 1.5)


@extra("expected_reward")
def test_expected_reward_leaves_its_input(learner):
    """The function changes neither argument."""
    untouched(learner.attempt("expected_reward", BASE, REWARD))


# --- aligned_distribution


@core("aligned_distribution")
@given(worlds(), BETAS)
@example((row(0.75, 0.25), row(0.0, 1.0)), 0.5)
@example((BASE, REWARD), 2.0)
def test_aligned_distribution_is_the_tilt(learner, world, beta):
    """The tilt is proportional to base * exp(reward / beta) and sums to 1."""
    base, reward = world
    agree(learner.aligned_distribution(base, reward, beta), tilt(base, reward, beta))


@core("aligned_distribution")
def test_aligned_distribution_treats_each_row_of_a_batch_alone(learner):
    """In a batch, every row along the last axis is tilted by itself."""
    base = np.stack([BASE, OTHER, OTHER])
    expected = np.stack([tilt(one, REWARD, 0.5) for one in base])
    agree(learner.aligned_distribution(base, REWARD, 0.5), expected)


@extra("aligned_distribution", weight=2)
@given(worlds(2), BETAS)
@example((BASE, OTHER, REWARD), 0.5)
def test_aligned_distribution_maximises_the_objective(learner, world, beta):
    """Any distribution s falls short of the tilt's objective by exactly beta * KL(s || tilt)."""
    base, other, reward = world
    best = learner.aligned_distribution(base, reward, beta)
    finite(best)
    best = np.asarray(best)
    values = [mean(p, reward) - beta * kl(p, base) for p in (best, other)]
    agree(values[0] - values[1], beta * kl(other, best), atol=1e-9)


@extra("aligned_distribution")
@given(worlds(), BETAS)
@example((BASE, REWARD), 0.5)
def test_aligned_distribution_tilts_step_by_step(learner, world, beta):
    """Tilting by one reward and then by another is tilting once by their sum."""
    base, reward = world
    once = np.asarray(learner.aligned_distribution(base, reward, beta))
    twice = learner.aligned_distribution(once, reward[::-1].copy(), beta)
    agree(twice, tilt(base, reward + reward[::-1], beta), atol=1e-12)


@extra("aligned_distribution")
@given(st.sampled_from([0.0, 5000.0, -5000.0]))
def test_aligned_distribution_ignores_a_common_constant(learner, constant):
    """A constant added to every reward changes nothing; equal rewards leave the base as it is."""
    shifted = learner.aligned_distribution(BASE, REWARD + constant, 0.5)
    agree(shifted, tilt(BASE, REWARD, 0.5), scale=1e4)
    agree(learner.aligned_distribution(BASE, 0 * REWARD + constant, 0.5), BASE, scale=1e4)


@extra("aligned_distribution", weight=2)
@given(st.sampled_from([3.0, 900.0, 1e4]))
def test_aligned_distribution_creates_no_answer(learner, reward):
    """An answer of base 0 stays at 0 and disturbs nothing, also with the largest reward of all."""
    found = learner.aligned_distribution(row(0.0, 0.5, 0.5), row(reward, 1.0, 0.0), 1.0)
    agree(found, tilt(row(0.0, 0.5, 0.5), row(0.0, 1.0, 0.0), 1.0))


@extra("aligned_distribution", weight=2)
def test_aligned_distribution_survives_large_rewards(learner):
    """reward / beta of ±1e4 overflows nowhere, row by row."""
    reward = np.array([[1000.0, -1000.0, 999.9], [-1000.0, -999.9, -999.9], [-1000.0, 1000.0, 0.0]])
    base = np.stack([BASE, OTHER, BASE])
    expected = np.stack(
        [
            tilt(BASE, row(0.1, -60, 0.0), 0.1),
            tilt(OTHER, row(-0.1, 0.0, 0.0), 0.1),
            row(0.0, 1.0, 0.0),
        ]
    )
    agree(learner.aligned_distribution(base, reward, 0.1), expected, scale=1e4)


@extra("aligned_distribution")
def test_aligned_distribution_weighs_a_tiny_base(learner):
    """A base probability of 1e-300 weighs exactly as much as its reward makes it."""
    found = learner.aligned_distribution(row(1e-300, 1.0), row(300 * math.log(10), 0.0), 1.0)
    agree(found, row(0.5, 0.5), scale=1000.0)


@extra("aligned_distribution")
@given(NOT_POSITIVE)
def test_aligned_distribution_refuses_a_bad_beta(learner, beta):
    """beta <= 0 raises ValueError."""
    rejects(learner.attempt("aligned_distribution", BASE, REWARD, beta))


@extra("aligned_distribution")
def test_aligned_distribution_names_the_bad_argument(learner):
    """The message of the ValueError names beta."""
    rejects(learner.attempt("aligned_distribution", BASE, REWARD, -1.0), naming="beta")


@extra("aligned_distribution")
def test_aligned_distribution_leaves_its_input(learner):
    """The function changes neither the base nor the reward."""
    untouched(learner.attempt("aligned_distribution", row(0.0, 1.0), row(1.0, 0.5), 0.5))


# --- alignment_objective


@core("alignment_objective")
@given(worlds(2), BETAS)
@example((row(0.5, 0.5), row(0.75, 0.25), row(0.0, 1.0)), 2.0)
@example((OTHER, BASE, REWARD), 0.5)
def test_alignment_objective_is_reward_minus_distance(learner, world, beta):
    """The objective is E_probs[reward] - beta * KL(probs || base)."""
    probs, base, reward = world
    expected = mean(probs, reward) - beta * kl(probs, base)
    agree(learner.alignment_objective(probs, base, reward, beta), expected)


@core("alignment_objective")
def test_alignment_objective_treats_each_row_of_a_batch_alone(learner):
    """In a batch there is one value per row."""
    probs = np.stack([BASE, OTHER, OTHER])
    expected = row(*(mean(p, REWARD) - 0.5 * kl(p, BASE) for p in probs))
    agree(learner.alignment_objective(probs, BASE, REWARD, 0.5), expected)


@extra("alignment_objective")
@given(worlds(), BETAS)
@example((BASE, REWARD), 4.0)
def test_alignment_objective_charges_nothing_at_the_base(learner, world, beta):
    """The base itself pays nothing: its objective is its expected reward, at any beta."""
    base, reward = world
    agree(learner.alignment_objective(base, base, reward, beta), mean(base, reward))


@extra("alignment_objective", weight=2)
@given(worlds(), BETAS)
@example((BASE, REWARD), 0.5)
def test_alignment_objective_is_beta_log_z_at_the_tilt(learner, world, beta):
    """At the tilt the objective is beta * log of the sum of base * exp(reward / beta)."""
    base, reward = world
    z = mean(base, np.exp(reward / beta))
    best = tilt(base, reward, beta)
    agree(learner.alignment_objective(best, base, reward, beta), beta * math.log(z), atol=1e-9)


@extra("alignment_objective", weight=2)
def test_alignment_objective_leaves_out_what_is_never_said(learner):
    """An answer of probability 0 adds nothing, whether its base is 0 or not."""
    probs, base = row(0.0, 0.0, 1.0), row(0.0, 0.5, 0.5)
    agree(learner.alignment_objective(probs, base, REWARD, 0.5), 0.5 - 0.5 * math.log(2))


@extra("alignment_objective")
def test_alignment_objective_forbids_new_answers(learner):
    """A model that gives an answer of base 0 scores -inf."""
    agree(learner.alignment_objective(row(0.5, 0.5), row(1.0, 0.0), row(0.0, 9.0), 0.5), -INF)


@extra("alignment_objective")
def test_alignment_objective_takes_a_base_and_a_reward_for_each_row(learner):
    """Base and reward may differ from row to row, with any leading axes."""
    probs, base = np.stack([BASE, OTHER])[:, None], np.stack([OTHER, BASE])[:, None]
    reward = np.stack([REWARD, -REWARD])[:, None]
    rows = zip(probs[:, 0], base[:, 0], reward[:, 0], strict=True)
    expected = np.array([[mean(p, r) - 2.0 * kl(p, b)] for p, b, r in rows])
    agree(learner.alignment_objective(probs, base, reward, 2.0), expected)


@extra("alignment_objective")
def test_alignment_objective_leaves_its_input(learner):
    """The function changes none of its arguments."""
    untouched(
        learner.attempt("alignment_objective", row(0.0, 1.0), row(0.5, 0.5), row(1.0, 2.0), 0.5)
    )
