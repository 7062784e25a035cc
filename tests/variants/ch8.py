"""Right answers to chapter 8 in other styles: each of them must get full marks."""

import math

import numpy as np
import torch

from assay.prove import variant


@variant("best_of_n_kl")
def with_numpy(n):
    if n < 1:
        raise ValueError("n has to be 1 or more")
    return np.log(n) - 1 + 1 / n


@variant("best_of_n_kl")
def by_the_mean_of_log_u(n):
    if not n >= 1:
        raise ValueError(f"bad n: {n}")
    return math.fsum([math.log(n), (n - 1) * (-1 / n)])


@variant("gold_reward")
def point_by_point(kl, alpha, beta, kind):
    if kind not in {"bon", "rl"}:
        raise ValueError("Kind?")

    def one(x):
        if x < 0:
            raise ValueError("negative KL")
        d = math.sqrt(x)
        if kind == "bon":
            return alpha * d - beta * x
        return 0.0 if d == 0 else alpha * d - beta * d * math.log(d)

    if isinstance(kl, float):
        return one(kl)
    return np.array([one(x) for x in kl.flat]).reshape(kl.shape)


@variant("gold_reward")
def with_where_and_errstate(kl, alpha, beta, kind):
    if (np.array(kl) < 0).any():
        raise ValueError(f"kl = {kl} is negative")
    if kind == "bon":
        return alpha * kl**0.5 - beta * kl
    if kind == "rl":
        d = np.asarray(kl) ** 0.5
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(d == 0, 0, d * (alpha - 0.5 * beta * np.log(kl)))
    raise ValueError(f"no such kind: {kind}")


@variant("gold_reward")
def with_torch(kl, alpha, beta, kind):
    if kind != "bon" and kind != "rl":
        raise ValueError("kind")
    x = torch.as_tensor(kl, dtype=torch.float64)
    if bool((x < 0).any()):
        raise ValueError("kl < 0")
    d = x.sqrt()
    result = alpha * d - beta * (x if kind == "bon" else torch.special.xlogy(d, d))
    return result.item() if result.ndim == 0 else result.numpy()


@variant("peak_kl")
def with_powers(alpha, beta, kind):
    if not alpha > 0:
        raise ValueError("alpha is not positive")
    if not beta > 0:
        raise ValueError("beta is not positive")
    if kind == "bon":
        return np.square(0.5 * alpha / beta)
    if kind == "rl":
        return np.exp(2 * (alpha - beta) / beta)
    raise ValueError("kind must be bon or rl")


@variant("peak_kl")
def from_a_table(alpha, beta, kind):
    for name, value in {"alpha": alpha, "beta": beta}.items():
        if value <= 0:
            raise ValueError(f"{name} is {value}")
    roots = {"bon": lambda r: r / 2, "rl": lambda r: math.e ** (r - 1)}
    if kind not in roots:
        raise ValueError(f"kind {kind!r} is not in {list(roots)}")
    return float(roots[kind](alpha / beta) ** 2)


@variant("optimize_proxy")
def response_by_response(base_probs, proxy, gold, betas):
    if len(base_probs) != len(proxy):
        raise ValueError("proxy has the wrong length")
    if len(base_probs) != len(gold):
        raise ValueError("gold has the wrong length")
    if len(base_probs) == 0:
        raise ValueError("base_probs is empty")
    possible = [i for i in range(len(base_probs)) if base_probs[i] > 0]
    results = [], [], []
    for beta in betas:
        if beta <= 0:
            raise ValueError("betas: all have to be positive")
        top = max(proxy[i] / beta for i in possible)
        weights = {i: base_probs[i] * math.exp(proxy[i] / beta - top) for i in possible}
        total = math.fsum(weights.values())
        probs = {i: weight / total for i, weight in weights.items()}
        log_total = top + math.log(total)
        expected = math.fsum(p * proxy[i] for i, p in probs.items())
        kl = math.fsum(p * (proxy[i] / beta - log_total) for i, p in probs.items())
        for result, value in zip(
            results, (kl, expected, math.fsum(p * gold[i] for i, p in probs.items())), strict=True
        ):
            result.append(value)
    return results


@variant("optimize_proxy")
def all_betas_at_once(base_probs, proxy, gold, betas):
    if not (base_probs.shape == proxy.shape == gold.shape) or base_probs.size == 0:
        raise ValueError("the shapes of base_probs, proxy and gold are unequal or empty")
    if (betas <= 0).any():
        raise ValueError("betas <= 0")
    with np.errstate(divide="ignore"):
        log_base = np.log(base_probs)
    scaled = proxy[None, :] / betas[:, None] + log_base
    log_z = np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    probs = np.exp(scaled - log_z)
    terms = np.where(probs > 0, proxy / betas[:, None] - log_z, 0.0)
    return (probs * terms).sum(axis=1), probs @ proxy, probs @ gold


@variant("optimize_proxy")
def with_torch_softmax(base_probs, proxy, gold, betas):
    if not len(base_probs) == len(proxy) == len(gold) > 0:
        raise ValueError("lengths of gold and proxy")
    if len(betas) and min(betas) <= 0:
        raise ValueError("betas must be above 0")
    base, r, g = (torch.tensor(x) for x in (base_probs, proxy, gold))
    kls, proxies, golds = [], [], []
    for beta in betas:
        log_p = torch.log_softmax(base.log() + r / beta, dim=0)
        p = log_p.exp()
        kls.append((torch.special.xlogy(p, p) - torch.special.xlogy(p, base)).sum().item())
        proxies.append((p * r).sum().item())
        golds.append((p * g).sum().item())
    return np.array(kls), np.array(proxies), np.array(golds)


@variant("overoptimization_step")
def with_a_loop(proxy, gold):
    if len(proxy) != len(gold):
        raise ValueError(f"{len(proxy)} proxy values for {len(gold)} gold values")
    if not len(gold):
        raise ValueError("gold is empty")
    best = 0
    for t in range(1, len(gold)):
        if gold[t] > gold[best]:
            best = t
    if proxy[-1] <= proxy[best] or gold[-1] >= gold[best]:
        return None
    return best


@variant("overoptimization_step")
def with_lists(proxy, gold):
    proxy, gold = list(proxy), list(gold)
    if len(proxy) != len(gold) or gold == []:
        raise ValueError("proxy and gold don't fit")
    t = gold.index(max(gold))
    return t if min(gold[t] - gold[-1], proxy[-1] - proxy[t]) > 0 else None


@variant("overoptimization_step")
def with_numpy_integers(proxy, gold):
    if proxy.shape != gold.shape or proxy.size == 0:
        raise ValueError("shape of gold")
    t = np.flatnonzero(gold == gold.max())[0]
    return t if (gold[-1] < gold[t]) & (proxy[-1] > proxy[t]) else None


@variant("ensemble_reward")
def response_after_response(rewards, method="mean", penalty=0.0):
    if len(rewards) < 1:
        raise ValueError("no rewards")
    if method not in ("mean", "worst", "uncertainty"):
        raise ValueError("Method unknown")
    results = []
    for opinions in rewards.T:
        mean = sum(opinions) / len(opinions)
        variance = sum((x - mean) ** 2 for x in opinions) / len(opinions)
        results.append(
            min(opinions)
            if method == "worst"
            else mean - (penalty * variance if method == "uncertainty" else 0)
        )
    return results


@variant("ensemble_reward")
def with_torch_statistics(rewards, method="mean", penalty=0.0):
    members = torch.tensor(rewards)
    if members.shape[0] == 0:
        raise ValueError("rewards: no members")
    if method == "mean":
        return members.mean(0).numpy()
    if method == "worst":
        return members.amin(0).numpy()
    if method == "uncertainty":
        variance, mean = torch.var_mean(members, dim=0, correction=0)
        return (mean - penalty * variance).numpy()
    raise ValueError("unknown method")


@variant("length_normalized_reward")
def one_by_one(reward, lengths):
    if len(reward) != len(lengths):
        raise ValueError("as many lengths as rewards, please")
    if any(length < 1 for length in lengths):
        raise ValueError("one of the lengths is below 1")
    return [r / n for r, n in zip(reward, lengths, strict=True)]


@variant("length_normalized_reward")
def by_the_reciprocal(reward, lengths):
    if np.shape(reward) != np.shape(lengths) or np.min(lengths, initial=1) < 1:
        raise ValueError("bad lengths")
    return reward * np.reciprocal(lengths.astype(float))


@variant("remove_length_bias")
def with_polyfit(rewards, lengths):
    if len(rewards) != len(lengths) or len(rewards) == 0:
        raise ValueError("rewards and lengths")
    if len(set(lengths.tolist())) == 1:
        return rewards
    slope, intercept = np.polyfit(lengths, rewards, 1)
    return rewards - (slope * lengths + intercept) + rewards.mean()


@variant("remove_length_bias")
def with_lstsq(rewards, lengths):
    if rewards.shape != lengths.shape:
        raise ValueError("rewards, lengths: unequal")
    if rewards.size == 0:
        raise ValueError("no rewards")
    design = np.stack([np.ones(len(lengths)), lengths], axis=1)
    solution, *_ = np.linalg.lstsq(design, rewards, rcond=None)
    return rewards - design @ solution + np.mean(rewards)


@variant("remove_length_bias")
def with_sums(rewards, lengths):
    if len(rewards) != len(lengths):
        raise ValueError("rewards do not match lengths")
    n = len(rewards)
    if n == 0:
        raise ValueError("rewards are missing")
    mean_length = sum(lengths) / n
    spread = sum((x - mean_length) ** 2 for x in lengths)
    if spread < 1e-12:
        return list(rewards)
    slope = sum((x - mean_length) * r for x, r in zip(lengths, rewards, strict=True)) / spread
    return [r - slope * (x - mean_length) for x, r in zip(lengths, rewards, strict=True)]


@variant("remove_length_bias")
def with_cov(rewards, lengths):
    if len(rewards) != len(lengths) or not len(lengths):
        raise ValueError("lengths")
    if np.ptp(lengths) == 0:
        return np.array(rewards)
    (variance, covariance), _ = np.cov(lengths, rewards)
    return rewards - covariance / variance * (lengths - np.mean(lengths))


@variant("find_exploits")
def with_sorted(proxy, gold, k):
    if len(proxy) != len(gold):
        raise ValueError("gold and proxy differ in length")
    if k < 0 or k > len(gold):
        raise ValueError(f"k = {k} is out of range")
    return sorted(range(len(proxy)), key=lambda i: gold[i] - proxy[i])[:k]


@variant("find_exploits")
def with_a_reversed_stable_sort(proxy, gold, k):
    if proxy.shape != gold.shape:
        raise ValueError("proxy, gold")
    if k not in range(len(proxy) + 1):
        raise ValueError("k!")
    pairs = sorted(enumerate((proxy - gold).tolist()), key=lambda pair: pair[1], reverse=True)
    return tuple(i for i, _ in pairs[:k])


@variant("find_exploits")
def with_lexsort(proxy, gold, k):
    if np.size(proxy) != np.size(gold):
        raise ValueError("gold")
    if k < 0 or np.size(gold) < k:
        raise ValueError("bad k")
    return np.lexsort((np.arange(len(gold)), gold - proxy))[:k]


@variant("find_exploits")
def one_after_another(proxy, gold, k):
    if len(proxy) != len(gold):
        raise ValueError("proxy")
    if not 0 <= k <= len(proxy):
        raise ValueError("k")
    gaps, found = proxy - gold, []
    for _ in range(k):
        found.append(int(np.argmax(gaps)))
        gaps[found[-1]] = -np.inf
    return found


@variant("refresh_reward_model")
def with_extend(policy, rounds, sample, label, fit, optimize):
    everything = []
    for _ in range(rounds):
        everything.extend(label(sample(policy)))
        policy = optimize(policy, fit(everything))
    return policy


@variant("refresh_reward_model")
def recursively(policy, rounds, sample, label, fit, optimize, so_far=()):
    if rounds == 0:
        return policy
    so_far = (*so_far, *label(sample(policy)))
    policy = optimize(policy, fit(list(so_far)))
    return recursively(policy, rounds - 1, sample, label, fit, optimize, so_far)


@variant("refresh_reward_model")
def with_a_while_loop(policy, rounds, sample, label, fit, optimize):
    batches, done = [], 0
    while done < rounds:
        batches.append(label(sample(policy)))
        policy = optimize(policy, fit([one for batch in batches for one in batch]))
        done += 1
    return policy
