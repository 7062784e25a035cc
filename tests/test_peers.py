"""The reference solutions agree with independent code: choix, SciPy, and what PyTorch ships.

The peers were written by others, for other ends, so a mistake would have to be made twice. `trl`
is not among them: it brings transformers, accelerate, datasets, pandas and pyarrow along, and
computes most of its losses inside its trainers, where they can't be called without a model.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from assay.course import Course
from assay.inprocess import Folder

REASON = "a peer to compare with; it comes with the extra dev"
choix = pytest.importorskip("choix", reason=REASON)
scipy = pytest.importorskip("scipy", reason=REASON)

from scipy import integrate, linalg, optimize, signal, special, stats  # noqa: E402
from scipy.sparse import csgraph  # noqa: E402
from scipy.spatial import distance  # noqa: E402

SEEDS = range(5)
EXACT = {"rtol": 1e-9, "atol": 1e-11}


@pytest.fixture(scope="module")
def reference(course: Course) -> Callable[[str], Callable[..., Any]]:
    """The reference solution of a function, by its name."""
    folders = {
        id: Folder(course.chapter(id).solution_dir, course.chapter(id).module_of)
        for id in course.chapter_ids
    }
    return lambda name: folders[course.exercise(name).chapter].function(name)


@pytest.fixture(params=SEEDS)
def dice(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def tensor(array) -> torch.Tensor:
    return torch.as_tensor(np.asarray(array, dtype=np.float64))


def close(actual, expected, **tolerance) -> None:
    actual, expected = (
        x.detach().numpy() if isinstance(x, torch.Tensor) else x for x in (actual, expected)
    )
    np.testing.assert_allclose(actual, expected, **(EXACT | tolerance))


# ── Chapter 0: distributions ─────────────────────────────────────────────────────────────────────


def test_next_token_probs_is_scipys_softmax(reference, dice):
    logits = 10 * dice.normal(size=(3, 7))
    close(reference("next_token_probs")(logits, 0.7), special.softmax(logits / 0.7, axis=-1))


def test_sequence_logprob_is_minus_a_summed_cross_entropy(reference, dice):
    logits, tokens = 10 * dice.normal(size=(6, 5)), dice.integers(5, size=6)
    peer = -F.cross_entropy(tensor(logits), torch.as_tensor(tokens), reduction="sum")
    close(reference("sequence_logprob")(logits, tokens), peer)


def test_kl_divergence_is_the_sum_of_rel_entr(reference, dice):
    p, q = dice.dirichlet(np.full(6, 0.5), size=(2, 4))
    p[0, :3] = 0
    close(reference("kl_divergence")(p, q), special.rel_entr(p, q).sum(-1))
    q[1, 2] = 0  # where p is positive: infinite for both
    close(reference("kl_divergence")(p, q), special.rel_entr(p, q).sum(-1))


def test_kl_divergence_is_torchs_between_categoricals(reference, dice):
    p, q = dice.dirichlet(np.full(6, 2.0), size=(2, 4))
    peer = torch.distributions.kl_divergence(
        torch.distributions.Categorical(tensor(p)), torch.distributions.Categorical(tensor(q))
    )
    close(reference("kl_divergence")(p, q), peer)


def test_expected_reward_is_the_mean_of_scipys_discrete_variable(reference, dice):
    probs, reward = dice.dirichlet(np.ones(5)), dice.normal(size=5)
    peer = stats.rv_discrete(values=(range(5), probs)).expect(lambda at: reward[np.int64(at)])
    close(reference("expected_reward")(probs, reward), peer)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_a_numeric_optimiser_finds_no_better_policy_than_the_tilt(reference, dice, beta):
    base, reward = dice.dirichlet(np.ones(5)), dice.normal(size=5)

    def price(logits):  # written anew, not the reference's objective
        p = special.softmax(logits)
        return -(p @ reward - beta * special.rel_entr(p, base).sum())

    found = optimize.minimize(price, np.log(base), tol=1e-12)
    tilt = reference("aligned_distribution")(base, reward, beta)
    close(tilt, special.softmax(found.x), rtol=0, atol=2e-4)
    objective = reference("alignment_objective")
    close(objective(tilt, base, reward, beta), -found.fun, rtol=1e-7)
    close(
        objective(tilt, base, reward, beta),
        beta * special.logsumexp(reward / beta, b=base),
    )


# ── Chapter 1: Bradley-Terry ─────────────────────────────────────────────────────────────────────


def test_preference_probability_is_expit(reference, dice):
    a, b = 5 * dice.normal(size=(2, 8))
    close(reference("preference_probability")(tensor(a), tensor(b)), special.expit(a - b))


@pytest.mark.parametrize("margin", [None, 0.5])
def test_bradley_terry_loss_is_binary_cross_entropy_on_the_gap(reference, dice, margin):
    chosen, rejected = (tensor(x).requires_grad_() for x in 5 * dice.normal(size=(2, 8)))
    gap = chosen - rejected - (margin or 0)
    peer = F.binary_cross_entropy_with_logits(gap, torch.ones_like(gap))
    loss = reference("bradley_terry_loss")(chosen, rejected, margin)
    close(loss, peer)
    for mine, theirs in zip(
        torch.autograd.grad(loss, (chosen, rejected)),
        torch.autograd.grad(peer, (chosen, rejected)),
        strict=True,
    ):
        close(mine, theirs)


def test_preference_accuracy_is_the_area_under_the_curve_of_every_pair(reference, dice):
    """Mann and Whitney's U over its greatest value counts ties by half, too."""
    one, other = dice.integers(4, size=(2, 6)).astype(float)
    every_pair = np.array(list(product(one, other)))
    peer = stats.mannwhitneyu(one, other).statistic / len(every_pair)
    close(reference("preference_accuracy")(*tensor(every_pair.T)), peer)


def test_reward_centering_loss_is_a_squared_error_to_minus_the_other(reference, dice):
    chosen, rejected = map(tensor, dice.normal(size=(2, 8)))
    close(reference("reward_centering_loss")(chosen, rejected), F.mse_loss(chosen, -rejected))


def test_fit_bradley_terry_is_the_fit_of_choix(reference, dice):
    players = 6
    games = dice.integers(1, 12, size=(players, players))
    wins = np.triu(games, 1) + np.tril(dice.integers(1, 12, size=games.shape), -1)
    mine = reference("fit_bradley_terry")(wins)
    data = [(i, j) for i, j in np.argwhere(wins > 0) for _ in range(wins[i, j])]
    by_newton = choix.opt_pairwise(players, data, alpha=0, tol=1e-10)
    by_spectrum = choix.ilsr_pairwise_dense(wins.astype(float), max_iter=500, tol=1e-12)
    for peer in (by_newton, by_spectrum):
        close(mine, peer - peer.mean(), rtol=0, atol=1e-5)


def test_fit_bradley_terry_refuses_exactly_what_is_not_strongly_connected(reference):
    dice, verdicts = np.random.default_rng(0), []
    for _ in range(60):
        wins = dice.integers(0, 3, size=(4, 4)) * (dice.random((4, 4)) < 0.8)
        np.fill_diagonal(wins, 0)
        parts, _ = csgraph.connected_components(wins, connection="strong")
        verdicts.append(parts == 1)
        if parts == 1:
            assert np.isfinite(reference("fit_bradley_terry")(wins)).all()
        else:
            with pytest.raises(ValueError, match="wins"):
                reference("fit_bradley_terry")(wins)
    assert 10 < sum(verdicts) < 50  # both happened often


# ── Chapter 2: supervised fine-tuning and shaped rewards ─────────────────────────────────────────


def test_token_logprobs_are_those_of_torchs_categorical(reference, dice):
    logits, tokens = tensor(3 * dice.normal(size=(2, 5, 4))), dice.integers(4, size=(2, 5))
    tokens = torch.as_tensor(tokens)
    peer = torch.distributions.Categorical(logits=logits[:, :-1]).log_prob(tokens[:, 1:])
    close(reference("token_logprobs")(logits, tokens), peer)


def test_sft_loss_is_cross_entropy_with_ignored_tokens(reference, dice):
    logits = tensor(3 * dice.normal(size=(3, 6, 4))).requires_grad_()
    tokens, mask = torch.as_tensor(dice.integers(4, size=(3, 6))), dice.random((3, 6)) < 0.6
    labels = tokens.masked_fill(~torch.as_tensor(mask), -100)[:, 1:]
    peer = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=-100)
    loss = reference("sft_loss")(logits, tokens, torch.as_tensor(mask))
    close(loss, peer)
    close(*(torch.autograd.grad(one, logits)[0] for one in (loss, peer)))


def test_shaped_rewards_add_up_to_the_score_minus_beta_times_torchs_kl(reference, dice):
    """Over all answers of three independent tokens, each weighed by its probability."""
    words, length, beta = 3, 3, 0.3
    policy, ref = (
        torch.distributions.Categorical(logits=tensor(dice.normal(size=(length, words))))
        for _ in range(2)
    )
    answers = torch.tensor(list(product(range(words), repeat=length)))
    scores = tensor(dice.normal(size=len(answers)))
    logprobs, ref_logprobs = policy.log_prob(answers), ref.log_prob(answers)
    mask = torch.ones_like(answers)
    rewards = reference("kl_shaped_rewards")(scores, logprobs, ref_logprobs, mask, beta)
    probs = logprobs.sum(1).exp()
    kl = torch.distributions.kl_divergence(policy, ref).sum()
    close(probs @ rewards.sum(1), probs @ scores - beta * kl)


# ── Chapter 3: PPO ───────────────────────────────────────────────────────────────────────────────


def test_gae_is_a_recursive_filter_of_the_errors(reference, dice):
    rewards, values = dice.normal(size=(2, 4, 7))
    gamma, lam = 0.9, 0.8
    deltas = rewards + gamma * np.c_[values[:, 1:], np.zeros(4)] - values
    peer = signal.lfilter([1], [1, -gamma * lam], deltas[:, ::-1], axis=1)[:, ::-1]
    advantages, returns = reference("gae")(
        tensor(rewards), tensor(values), torch.ones(4, 7), gamma, lam
    )
    close(advantages, peer)
    close(returns, peer + values)


def test_whiten_is_the_z_score_of_what_the_mask_shows(reference, dice):
    x, mask = dice.normal(3, 5, size=(4, 6)), dice.random((4, 6)) < 0.7
    whitened = reference("whiten")(tensor(x), torch.as_tensor(mask)).numpy()
    close(whitened[mask], stats.zscore(x[mask]), rtol=1e-7)
    assert not whitened[~mask].any()


def test_value_loss_with_a_wide_range_is_half_the_squared_error(reference, dice):
    values, old, returns = map(tensor, dice.normal(size=(3, 2, 5)))
    loss = reference("value_loss")(values, old, returns, torch.ones(2, 5), epsilon=100.0)
    close(loss, F.mse_loss(values, returns) / 2)


def test_ppo_begins_as_a_policy_gradient(reference, dice):
    """Where nothing has moved yet, the slope is that of a cross-entropy weighed by advantages."""
    logits = tensor(dice.normal(size=(2, 5, 3))).requires_grad_()
    tokens, advantages = torch.as_tensor(dice.integers(3, size=(2, 5))), dice.normal(size=(2, 5))
    logprobs = torch.distributions.Categorical(logits=logits).log_prob(tokens)
    loss = reference("ppo_policy_loss")(
        logprobs, logprobs.detach(), tensor(advantages), torch.ones(2, 5)
    )
    peer = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none") * tensor(advantages)
    close(*(torch.autograd.grad(one, logits)[0] for one in (loss, peer.mean())))


@pytest.mark.parametrize("kind", ["k1", "k3"])
def test_k1_and_k3_have_scipys_kl_as_their_mean(reference, dice, kind):
    p, q = dice.dirichlet(np.ones(5), size=2)
    estimate = reference("kl_estimate")
    each = [
        estimate(tensor([[np.log(a)]]), tensor([[np.log(b)]]), torch.ones(1, 1), kind)
        for a, b in zip(p, q, strict=True)
    ]
    close(p @ np.array(each), special.rel_entr(p, q).sum())


# ── Chapter 4: DPO ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_dpo_loss_is_binary_cross_entropy_with_soft_labels(reference, dice, smoothing):
    logps = [tensor(x).requires_grad_() for x in 5 * dice.normal(size=(4, 8))]
    chosen, rejected, ref_chosen, ref_rejected = logps
    logits = 0.3 * ((chosen - ref_chosen) - (rejected - ref_rejected))
    peer = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 1 - smoothing))
    loss = reference("dpo_loss")(*logps, beta=0.3, label_smoothing=smoothing)
    close(loss, peer)
    for mine, theirs in zip(
        torch.autograd.grad(loss, logps[:2]), torch.autograd.grad(peer, logps[:2]), strict=True
    ):
        close(mine, theirs)


def test_dpo_gradient_weight_is_the_slope_that_scipy_measures(reference, dice):
    logps = dice.normal(size=(4, 1))
    beta = 0.7

    def loss(chosen):
        return reference("dpo_loss")(tensor(chosen), *map(tensor, logps[1:]), beta=beta).item()

    slope = optimize.approx_fprime(logps[0], loss)
    weight = reference("dpo_gradient_weight")(*map(tensor, logps), beta=beta)
    close(beta * weight, -slope, rtol=1e-5)


def test_ipo_loss_is_a_squared_error_to_its_target(reference, dice):
    logps = list(map(tensor, dice.normal(size=(4, 8))))
    gap = (logps[0] - logps[2]) - (logps[1] - logps[3])
    peer = F.mse_loss(gap, torch.full_like(gap, 1 / 0.6))
    close(reference("ipo_loss")(*logps, tau=0.3), peer)


def test_reward_from_policy_undoes_scipys_softmax(reference, dice):
    ref, reward, beta = dice.dirichlet(np.ones(5)), dice.normal(size=5), 0.4
    policy = special.softmax(np.log(ref) + reward / beta)
    constant = beta * special.logsumexp(reward / beta, b=ref)
    found = reference("reward_from_policy")(tensor(policy), tensor(ref), beta)
    close(found, reward - constant)


def test_train_dpo_reaches_the_minimum_that_scipy_finds_and_the_strengths_of_choix(reference, dice):
    responses, beta = 5, 0.1
    wins = dice.integers(1, 8, size=(responses, responses))
    np.fill_diagonal(wins, 0)
    pairs = np.array([(i, j) for i, j in np.argwhere(wins > 0) for _ in range(wins[i, j])])
    chosen, rejected = pairs.T
    start = dice.normal(size=responses)

    def loss(logits):
        moved = logits - start
        return np.logaddexp(0, -beta * (moved[chosen] - moved[rejected])).mean()

    trained = reference("train_dpo")(
        tensor(start), torch.as_tensor(chosen), torch.as_tensor(rejected), beta
    ).numpy()
    found = optimize.minimize(loss, start, tol=1e-10)
    assert found.fun - 1e-9 <= loss(trained) <= found.fun + 1e-3
    strengths = choix.opt_pairwise(responses, list(map(tuple, pairs)), alpha=0, tol=1e-10)
    implicit = beta * (trained - start)
    close(implicit - implicit.mean(), strengths - strengths.mean(), rtol=0, atol=0.05)


# ── Chapter 5: thumbs, odds and groups ───────────────────────────────────────────────────────────


def test_kto_loss_is_one_minus_expit_of_the_signed_distance(reference, dice):
    policy, ref = 5 * dice.normal(size=(2, 9))
    up, z0, beta = dice.random(9) < 0.5, 0.4, 0.3
    peer = np.where(up, 1.5, 2.5) * special.expit(-beta * np.where(up, 1, -1) * (policy - ref - z0))
    loss = reference("kto_loss")(
        tensor(policy), tensor(ref), torch.as_tensor(up), z0, beta, lambda_d=1.5, lambda_u=2.5
    )
    close(loss, peer.mean())


def test_log_odds_is_scipys_logit(reference, dice):
    p = dice.uniform(0.01, 0.99, size=9)
    close(reference("log_odds")(tensor(np.log(p))), special.logit(p), atol=1e-9)


def test_orpo_loss_is_imitation_plus_binary_cross_entropy_on_log_odds(reference, dice):
    p, q = dice.uniform(0.05, 0.95, size=(2, 6))
    margin = tensor(special.logit(p) - special.logit(q))
    odds = F.binary_cross_entropy_with_logits(margin, torch.ones_like(margin))
    loss = reference("orpo_loss")(tensor(np.log(p)), tensor(np.log(q)), lam=0.7)
    close(loss, -np.log(p).mean() + 0.7 * odds.item())


def test_simpo_loss_is_binary_cross_entropy_with_a_margin(reference, dice):
    chosen, rejected = map(tensor, -np.abs(dice.normal(size=(2, 6))))
    margin = 2.5 * (chosen - rejected) - 0.8
    peer = F.binary_cross_entropy_with_logits(margin, torch.ones_like(margin))
    close(reference("simpo_loss")(chosen, rejected, beta=2.5, gamma=0.8), peer)


def test_grpo_advantages_are_scipys_z_scores_of_each_group(reference, dice):
    rewards = dice.normal(size=(3, 6))
    peer = stats.zscore(rewards, axis=1, ddof=1)
    close(reference("grpo_advantages")(tensor(rewards), eps=0.0), peer)


# ── Chapters 6 and 7: soft labels and steps ──────────────────────────────────────────────────────


def test_soft_preference_loss_is_binary_cross_entropy_with_soft_labels(reference, dice):
    a, b = map(tensor, 3 * dice.normal(size=(2, 6)))
    target = tensor(dice.random(6))
    peer = F.binary_cross_entropy_with_logits(a - b, target)
    close(reference("soft_preference_loss")(a, b, target), peer)


def test_prm_loss_is_binary_cross_entropy_over_the_steps_that_count(reference, dice):
    logits, labels = tensor(3 * dice.normal(size=(3, 5))), tensor(dice.random((3, 5)))
    mask = torch.as_tensor(dice.random((3, 5)) < 0.6)
    peer = F.binary_cross_entropy_with_logits(logits[mask], labels[mask])
    close(reference("prm_loss")(logits, labels, mask), peer)


def test_a_full_beam_is_exhaustive_search(reference, dice):
    length, words = 4, "abc"
    worth = dict(zip(map("".join, product(words, repeat=length)), dice.random(81), strict=True))
    beam = reference("step_beam_search")(
        "",
        lambda text: [text + word for word in words] if len(text) < length else [],
        lambda text: worth.get(text, 0.0),
        beam_width=len(worth),
        max_steps=length,
    )
    assert beam == sorted(worth, key=worth.get, reverse=True)


def test_aggregated_scores_are_scipys_means(reference, dice):
    scores = dice.uniform(0.1, 1.0, size=6)
    aggregate = reference("aggregate_step_scores")
    close(aggregate(scores, "product") ** (1 / 6), stats.gmean(scores))
    close(aggregate(scores, "mean"), stats.pmean(scores, 1))


# ── Chapter 8: overoptimization ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [1, 2, 5, 64])
def test_the_kl_of_best_of_n_is_that_of_a_beta_distribution(reference, n):
    """The largest of n uniform ranks has the density Beta(n, 1); the base policy's is 1."""
    rank = stats.beta(n, 1)
    peer, _ = integrate.quad(lambda u: rank.pdf(u) * rank.logpdf(u), 0, 1)
    close(reference("best_of_n_kl")(n), peer, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["bon", "rl"])
def test_peak_kl_is_the_maximum_that_scipy_finds(reference, dice, kind):
    alpha, beta = dice.uniform(0.5, 1.5), dice.uniform(0.3, 0.8)
    gold = reference("gold_reward")
    found = optimize.minimize_scalar(
        lambda log_kl: -gold(float(np.exp(log_kl)), alpha, beta, kind),
        bounds=(-9, 12),
        method="bounded",
        options={"xatol": 1e-10},
    )
    close(reference("peak_kl")(alpha, beta, kind), np.exp(found.x), rtol=1e-4)


def test_optimize_proxy_tilts_as_scipy_does(reference, dice):
    base, (proxy, gold) = dice.dirichlet(np.ones(6)), dice.normal(size=(2, 6))
    betas = np.array([3.0, 0.5, 0.1])
    p = special.softmax(np.log(base) + proxy / betas[:, None], axis=1)
    kl, expected_proxy, expected_gold = reference("optimize_proxy")(base, proxy, gold, betas)
    close(kl, stats.entropy(p, base, axis=1))
    close(expected_proxy, p @ proxy)
    close(expected_gold, p @ gold)


def test_remove_length_bias_leaves_scipys_residuals(reference, dice):
    lengths = dice.integers(1, 200, size=12)
    rewards = 0.02 * lengths + dice.normal(size=12)
    line = stats.linregress(lengths, rewards)
    residuals = rewards - (line.intercept + line.slope * lengths)
    close(reference("remove_length_bias")(rewards, lengths), residuals + rewards.mean())


def test_ensemble_reward_charges_scipys_moment_about_the_mean(reference, dice):
    rewards = dice.normal(size=(4, 6))
    peer = rewards.mean(0) - 0.3 * stats.moment(rewards, order=2, axis=0)
    close(reference("ensemble_reward")(rewards, "uncertainty", 0.3), peer)


# ── Chapter 9: markets, probes and weak labels ───────────────────────────────────────────────────


def test_market_cost_is_a_difference_of_logsumexps(reference, dice):
    shares, trade, b = 9 * dice.normal(size=4), 9 * dice.normal(size=4), 3.0
    peer = b * (special.logsumexp((shares + trade) / b) - special.logsumexp(shares / b))
    close(reference("market_cost")(shares, trade, b), peer)


def test_market_prices_are_the_slope_of_the_cost_that_scipy_measures(reference, dice):
    shares, b = 9 * dice.normal(size=4), 3.0
    slope = optimize.approx_fprime(
        np.zeros(4), lambda trade: reference("market_cost")(shares, trade, b)
    )
    close(reference("market_prices")(shares, b), slope, rtol=0, atol=1e-5)
    close(reference("market_prices")(shares, b), special.softmax(shares / b))


def test_the_probe_is_the_nearest_of_two_centroids(reference, dice):
    activations, labels = dice.normal(size=(40, 5)), np.arange(40) % 3 == 0
    activations[labels] += 0.5
    direction, bias = reference("difference_of_means_probe")(activations, labels)
    centroids = np.array([activations[labels == is_true].mean(0) for is_true in (False, True)])
    nearest = distance.cdist(activations, centroids).argmin(1) == 1
    assert np.array_equal(activations @ direction + bias > 0, nearest)
    close(linalg.norm(direction), 1.0)


def test_ablation_projects_on_scipys_null_space(reference, dice):
    activations, direction = dice.normal(size=(7, 5)), 3 * dice.normal(size=5)
    basis = linalg.null_space(direction[None])
    close(reference("ablate_direction")(activations, direction), activations @ basis @ basis.T)


def test_confidence_loss_mixes_two_cross_entropies(reference, dice):
    logits = tensor(2 * dice.normal(size=(6, 3))).requires_grad_()
    weak = torch.as_tensor(dice.integers(3, size=6))
    told, guessed = (F.one_hot(labels, 3).double() for labels in (weak, logits.argmax(1)))
    peer = F.cross_entropy(logits, 0.7 * told + 0.3 * guessed)  # torch's form for soft targets
    loss = reference("confidence_loss")(logits, weak, 0.3)
    close(loss, peer)
    close(*(torch.autograd.grad(one, logits)[0] for one in (loss, peer)))
