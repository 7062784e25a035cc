"""Every lab, on the reference solutions, shows what it claims.

A lab is code that learners run on their own functions, so it runs here as it does there: its
folder holds the lab, the files that come with it and modules that are solved. What is asserted is
the sentence that the lab prints, with a margin: another machine may round otherwise.
"""

import importlib
import io
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from assay.course import Course

ROOT = Path(__file__).parents[1]
LABS = sorted(file.parent.name for file in (ROOT / "exercises").glob("ch*/lab.py"))
COLUMNS = 80
BEFORE_A_SENTENCE = "What you should see"


@dataclass(frozen=True)
class Experiment:
    """A lab that has run: its module, what `run()` measured, what it printed, the plot's file."""

    lab: ModuleType
    numbers: Any
    printed: str
    plot: Path


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Import modules from this folder first; forget them afterwards, for chapters share names."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == folder:
                del sys.modules[name]


@pytest.fixture(scope="module")
def experiment(
    course: Course, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Experiment]:
    """Run the lab of a chapter, once however many tests ask."""

    @cache
    def run(id: str) -> Experiment:
        folder = tmp_path_factory.mktemp(id)
        chapter = course.chapter(id)
        for source in (chapter.stub_dir, chapter.solution_dir):  # what is solved replaces its stub
            for file in source.glob("*.py"):
                if not file.name.startswith("test_"):
                    shutil.copy(file, folder)
        torch.set_num_threads(1)
        with importable(folder), redirect_stdout(io.StringIO()) as printed:
            lab = importlib.import_module("lab")
            numbers = lab.run()
            lab.run = lambda: numbers  # main() reports these, rather than measuring them again
            lab.main()
        return Experiment(lab, numbers, printed.getvalue(), folder / "lab.png")

    return run


def falls(series) -> bool:
    """Every number is below the one before it."""
    return bool((np.diff(np.asarray(series)) < 0).all())


def rises(series) -> bool:
    return falls(-np.asarray(series))


def test_every_chapter_has_a_lab(course):
    assert set(LABS) == set(course.chapter_ids)


@pytest.mark.parametrize("id", LABS)
def test_a_lab_prints_a_table_and_what_to_see_and_saves_a_plot(experiment, id):
    one = experiment(id)
    assert BEFORE_A_SENTENCE in one.printed
    assert re.search(r"\d\.\d|\d%", one.printed.split(BEFORE_A_SENTENCE)[0]), "no numbers"
    assert one.plot.name in one.printed.split(BEFORE_A_SENTENCE)[1]
    assert [line for line in one.printed.splitlines() if len(line) > COLUMNS] == []
    assert "nan" not in one.printed.split()
    assert one.plot.read_bytes().startswith(b"\x89PNG") and one.plot.stat().st_size > 20_000


def test_lab_0_no_distribution_beats_the_tilt(experiment):
    n = experiment("ch0").numbers
    assert n.base.sum() == pytest.approx(1)
    assert n.objectives == pytest.approx(n.ceilings, abs=1e-9)
    assert (n.best_of_random <= n.objectives + 1e-12).all()
    assert rises(n.rewards) and rises(n.kls)


def test_lab_0_cold_repeats_the_usual_and_a_filter_hits_the_best_with_the_worst(experiment):
    one = experiment("ch0")
    n, reward = one.numbers, one.lab.REWARD
    assert n.base.argmax() == 0 and reward[0] == reward.min()
    assert n.heated[0].argmax() == 0 and n.heated[0, 0] > 2 * n.base[0]
    assert n.filtered[[reward.argmin(), reward.argmax()]].tolist() == [0, 0]


def test_lab_1_comparisons_teach_more_than_marks(experiment):
    n = experiment("ch1").numbers
    assert n.accuracy_from_pairs > n.accuracy_from_ratings + 0.03
    assert n.accuracy_from_pairs > 0.88
    assert n.losses[-1] < n.losses[0] - 0.05


def test_lab_1_only_differences_matter(experiment):
    n = experiment("ch1").numbers
    assert n.loss_shift < 1e-9
    assert abs(n.mean_with) < 0.5
    assert abs(n.mean_without - 2) < 0.5


def test_lab_1_reward_differences_are_log_odds(experiment):
    n = experiment("ch1").numbers
    slope, _ = np.polyfit(n.quality.numpy(), n.learned.numpy(), 1)
    assert 0.75 < slope < 1.25
    assert np.abs(n.fitted - n.strengths).max() < 0.3


def test_lab_2_every_stage_of_rlhf_is_needed(experiment):
    outcomes = experiment("ch2").numbers.outcomes
    base, sft, whole = outcomes["base"], outcomes["SFT only"], outcomes["RLHF"]
    hacked, skipped = outcomes["RLHF without leash"], outcomes["RL without SFT"]
    assert whole.quality > sft.quality + 1 > base.quality + 2
    assert hacked.score > whole.score + 1 and hacked.quality < sft.quality - 1.5
    assert skipped.score > whole.score + 3 and skipped.quality < sft.quality - 0.5
    assert whole.right > 0.9 and 0.4 < sft.right < 0.7
    assert sft.words < base.words - 1 and min(hacked.words, skipped.words) > 6


def test_lab_2_the_leash_holds(experiment):
    n = experiment("ch2").numbers
    assert n.leashed[:, 2].max() < 3
    assert n.unleashed[-1, 2] > 6
    assert n.shaping_error < 1e-5


def test_lab_3_without_a_leash_the_reward_rises_and_quality_falls(experiment):
    n = experiment("ch3").numbers
    rewards = np.array([policy.proxy for policy in n.free.policies])
    quality = np.array([policy.quality for policy in n.free.policies])
    assert rises(rewards[::20])
    assert quality.max() > quality[0] + 0.3  # it climbs first
    assert quality[-1] < quality[0] - 2
    assert n.word_rewards[experiment("ch3").lab.SHOUT] > 0.5


def test_lab_3_on_the_leash_ppo_comes_close_to_the_best_possible(experiment):
    one = experiment("ch3")
    n, beta = one.numbers, one.lab.BETA
    end = n.leashed.policies[-1]
    assert end.quality > n.leashed.policies[0].quality + 0.6
    reached, most = (policy.proxy - beta * policy.kl for policy in (end, n.optimum))
    assert most - 0.1 < reached <= most + 1e-4


def test_lab_3_an_adapting_beta_holds_the_kl_near_its_target(experiment):
    one = experiment("ch3")
    n, target = one.numbers, one.lab.TARGET
    kls = [policy.kl for policy in n.adaptive.policies]
    assert max(kls) > 1.5 * target  # it overshoots first
    assert np.mean(kls[-20:]) == pytest.approx(target, rel=0.35)
    assert n.adaptive.betas[-1] > n.adaptive.betas[0]


def test_lab_3_the_estimates_follow_the_exact_kl(experiment):
    n = experiment("ch3").numbers
    exact = np.array([policy.kl for policy in n.leashed.policies[:-1]])
    for estimates in (n.leashed.k1, n.leashed.k3):
        assert np.abs(np.array(estimates) - exact).mean() < 0.15
        assert np.corrcoef(estimates, exact)[0, 1] > 0.9


def test_lab_3_the_clip_bites_most_in_the_first_update(experiment):
    n = experiment("ch3").numbers.leashed
    assert n.clipped[0] == max(n.clipped) > 0.2
    assert np.mean(n.clipped[-20:]) < 0.05
    assert n.critic_loss[-1] < n.critic_loss[0] / 4
    wrong_way = (n.ratio > 1.2) & (n.advantages < 0) | (n.ratio < 0.8) & (n.advantages > 0)
    assert wrong_way.any()


def test_lab_4_dpo_arrives_at_the_closed_form(experiment):
    n = experiment("ch4").numbers
    reward, kl, best_reward, best_kl = n.leash.T
    assert np.abs(reward - best_reward).max() < 0.05
    assert np.abs(kl - best_kl).max() < 0.1
    assert falls(reward) and falls(kl)  # a small beta buys more reward, farther away
    assert (n.implicit - n.reward).abs().max() < 0.1
    assert n.weight[1] < n.weight[0] == pytest.approx(0.5)


def test_lab_4_only_the_data_is_missing(experiment):
    n = experiment("ch4").numbers
    away = n.away.mean(axis=1)
    assert (away[:-1] / away[1:] > 2.5).all()
    assert away[-1] < 0.005
    before, after, ideal = n.loss
    assert after < ideal < before - 0.1


def test_lab_5_every_method_gains_and_none_crosses_the_frontier(experiment):
    n = experiment("ch5").numbers
    for path in n.paths.values():
        assert path[-1, 1] > path[0, 1] + 0.3
        assert (path[:, 1] < np.interp(path[:, 0], *n.frontier.T) + 0.01).all()
    ends = {name: path[-1, 1] for name, path in n.paths.items()}
    assert max(ends, key=ends.get) == "GRPO"
    assert abs(ends["KTO, single thumbs"] - ends["KTO, pairs taken apart"]) < 0.15


def test_lab_5_the_lambdas_of_kto_are_a_bar(experiment):
    one = experiment("ch5")
    for lambdas, bar in one.lab.BARS.items():
        rose, thumbs_up = one.numbers.moved[lambdas] > 0, one.numbers.thumbs_up
        assert rose[thumbs_up > bar + 0.1].mean() > 0.95
        assert not rose[thumbs_up < bar - 0.1].any()
    assert (one.numbers.reference_points >= 0).all()


def test_lab_5_orpo_is_held_back_and_simpo_walks_on(experiment):
    paths = experiment("ch5").numbers.paths
    assert paths["SimPO"][-1, 0] - paths["SimPO"][-26, 0] > 0.05
    assert abs(paths["ORPO"][-1, 0] - paths["ORPO"][-26, 0]) < 0.01


def test_lab_6_a_round_removes_the_flaws_of_its_principle_and_no_others(experiment):
    n = experiment("ch6").numbers
    assert falls(n.rounds.sum(1)) and n.rounds[-1].sum() == 0
    for round, (before, after) in enumerate(zip(n.rounds[:-1], n.rounds[1:], strict=True)):
        other = np.arange(len(before)) != round
        assert before[round] > 0 and after[round] == 0
        assert torch.equal(before[other], after[other])
    assert len(set(n.transcript)) == len(n.rounds)  # the one that is shown changes every round


def test_lab_6_each_phase_leaves_half_the_flaws_or_less(experiment):
    n = experiment("ch6").numbers
    before, sft, rlaif = (policy.sum().item() for policy in n.policies.values())
    assert sft < 0.6 * before and rlaif < 0.4 * sft
    made, drafts = n.kept
    assert drafts / 2 < made < drafts


def test_lab_6_the_judge_is_asked_in_both_orders(experiment):
    n = experiment("ch6").numbers
    assert n.twin_one_order > 0.55 and n.twin_both_orders == pytest.approx(0.5)
    kept, right = zip(*n.thresholds, strict=True)
    assert right[0] > n.right_one_order + 0.1
    assert falls(kept) and right[-1] > right[0] + 0.05


def test_lab_7_votes_share_a_wrong_belief(experiment):
    one = experiment("ch7")
    n, lab = one.numbers, one.lab
    majority, weighted = n.accuracy[lab.MAJORITY], n.accuracy[lab.WEIGHTED]
    assert majority[-1] < majority[0] - 0.03
    assert weighted[-1] > majority[-1] + 0.1


def test_lab_7_an_outcome_reward_model_is_misled_by_many_chains(experiment):
    one = experiment("ch7")
    by_orm = one.numbers.accuracy[one.lab.ORM_BEST]
    assert max(by_orm) > by_orm[0] + 0.1
    assert by_orm[-1] < max(by_orm) - 0.05


def test_lab_7_a_process_reward_model_searches_well(experiment):
    one = experiment("ch7")
    n, lab = one.numbers, one.lab
    best, beam = n.accuracy[lab.PRM_BEST], n.accuracy[lab.BEAM]
    assert rises(best) and best[-1] > best[0] + 0.3
    at_4 = lab.BUDGETS.index(4)
    assert beam[at_4] > best[at_4] + 0.08
    assert max(beam[at_4 : at_4 + 2]) > best[-1] - 0.05  # as far, with a fraction of the budget


def test_lab_7_rollouts_label_steps_and_the_prm_finds_the_wrong_one(experiment):
    n = experiment("ch7").numbers
    assert n.lucky > 0.05 and n.label_agreement > 0.7
    assert n.located > 0.55  # one of six steps, by chance: below 0.2
    assert int(np.argmin(n.example)) == 3 and n.example[3] < 0.5 < min(np.delete(n.example, 3))


def test_lab_8_gold_falls_while_the_proxy_rises(experiment):
    one = experiment("ch8")
    single = one.numbers.curves[0]
    assert rises(single.proxy) and rises(single.kl)
    assert 0 < single.turned < len(one.lab.BETAS) - 2
    assert single.gold.max() > 0.15 and single.gold[-1] < -0.2
    assert falls(single.gold[single.turned :])


def test_lab_8_the_kl_of_best_of_n_is_never_above_its_formula(experiment):
    n = experiment("ch8").numbers
    best, single = n.best_of_n, n.curves[0]
    assert (n.counted_kl <= best.kl + 1e-12).all()
    assert n.counted_kl == pytest.approx(best.kl, abs=0.01)
    assert best.gold.max() > single.gold.max() + 0.1  # it gains more on the way
    assert best.turned is not None and best.gold[-1] < best.gold.max() - 0.2  # and is fooled
    peak = (n.alpha / (2 * n.beta)) ** 2
    stop = best.kl[best.gold.argmax()]
    assert 0.4 * stop < peak < 2.5 * stop  # the fitted curve shows where to stop


def test_lab_8_caution_helps_and_labels_in_the_right_place_cure(experiment):
    curves = {curve.name: curve for curve in experiment("ch8").numbers.curves}
    pushed = {name: curve.gold[-1] for name, curve in curves.items()}
    best = {name: curve.gold.max() for name, curve in curves.items()}
    single = pushed["single reward model"]
    assert all(gold > single for name, gold in pushed.items() if name != "single reward model")
    assert best["reward per token"] < best["length line removed"] - 0.1  # long answers punished
    for cautious in ("ensemble, worst", "ensemble, uncertainty"):
        assert pushed[cautious] > pushed["ensemble, mean"] + 0.3 and pushed[cautious] > 0.05
    assert pushed["ensemble, mean"] < 0
    for cured in ("adversarial training", "refreshed reward model"):
        assert curves[cured].turned is None
        assert pushed[cured] > 1
    assert pushed["more ordinary labels"] < 0.3


def test_lab_9_students_beat_their_teacher_and_the_share_jumps_past_one_half(experiment):
    one = experiment("ch9")
    n, alphas = one.numbers, np.array(one.lab.ALPHAS)
    assert (n.weak + 0.01 < n.students).all() and (n.students < n.strong - 0.02).all()
    recovered = n.recovered.mean(axis=0)
    assert (recovered > 0).all() and (recovered < 1).all()
    assert recovered[alphas > 0.5].min() > recovered[alphas <= 0.5].max() + 0.15
    assert np.corrcoef(alphas, recovered)[0, 1] > 0.6


def test_lab_9_ablating_the_tone_lifts_the_worst_group_and_a_random_direction_does_not(experiment):
    n = experiment("ch9").numbers
    before, after, control = n.as_it_is, n.tone_ablated, n.random_ablated
    assert before.usual > before.balanced + 0.03  # behaviour hid the habit
    assert after.worst > before.worst + 0.05
    assert abs(control.worst - before.worst) < 0.03
    assert before.tone > 0.7 and control.tone > 0.7 and abs(after.tone - 0.5) < 0.1
    assert np.ptp(after.by_group) < np.ptp(before.by_group) / 2
    assert after.usual < before.usual - 0.02  # the price
