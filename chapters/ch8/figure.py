"""A policy that is trained on a proxy of what is wanted."""

import altair as alt
import numpy as np

from assay.book.figures import at, figure, grid, readout, slider

ANSWERS, EXPLOITS = 40, 3
RATE = 1.0
BETAS = grid(0.0, 0.2, 0.01)
STEPS = [int(step) for step in grid(0, 200, 4)]


def world():
    """Many honest answers, whose proxy is their worth with noise, and a few rare exploits, which
    the proxy loves and nobody wants.
    """
    draw = np.random.default_rng(8)
    gold = draw.normal(size=ANSWERS) * 0.15
    proxy = gold + draw.normal(size=ANSWERS) * 0.06
    gold[:EXPLOITS], proxy[:EXPLOITS] = -0.25, 0.52
    base = np.full(ANSWERS, 1.0)
    base[:EXPLOITS] = 0.05
    return base / base.sum(), proxy, gold


def leash(beta, step):
    """The penalty whose optimum gradient ascent has reached after so many steps.

    Each step shrinks the policy's logits towards the base by RATE * beta and adds RATE * proxy. So
    after t steps they are proxy * (1 - (1 - RATE * beta)^t) / beta: the tilt of a larger penalty.
    """
    if step == 0:
        return 1e9
    reached = RATE * step if beta == 0 else (1 - (1 - RATE * beta) ** step) / beta
    return 1 / reached


def training(f):
    base, proxy, gold = world()
    rows = []
    for beta in BETAS:
        leashes = np.array([leash(beta, step) for step in STEPS])
        _, proxies, golds = f.optimize_proxy(base, proxy, gold, leashes)
        for i, step in enumerate(STEPS):
            peak = f.overoptimization_step(proxies[: i + 1], golds[: i + 1])
            row = {"beta": beta, "step": step, "peak": -1 if peak is None else STEPS[peak]}
            rows.append({**row, "what": "proxy", "reward": proxies[i]})
            rows.append({**row, "what": "gold", "reward": golds[i]})
    return rows


@figure(
    "optimize_proxy",
    "overoptimization_step",
    table=training,
    alt="""Two curves over training steps. The proxy reward, which the policy is trained on, climbs
    all the time. The gold reward, what people really want, climbs with it at first, peaks and then
    falls: the policy has found answers that fool the proxy. With a larger KL penalty beta the
    policy stays closer to where it started, the proxy climbs less, and the gold reward keeps what
    it has won.""",
)
def reward_hacking_in_action(data):
    here = alt.Chart(data).transform_filter(f"{at(beta='beta')} && datum.step <= steps")
    color = alt.Color("what:N", title=None, legend=None, scale=alt.Scale(domain=["gold", "proxy"]))
    dash = alt.StrokeDash(
        "who:N",
        title="dashes",
        scale=alt.Scale(domain=["reference", "yours"], range=[[1, 0], [7, 4]]),
    )
    x = alt.X("step:Q", title="training step", scale=alt.Scale(domain=[0, 200]))
    y = alt.Y("reward:Q", title="expected reward", scale=alt.Scale(domain=[-0.3, 0.7]))
    curves = here.mark_line().encode(x=x, y=y, color=color, strokeDash=dash)
    end = here.transform_filter(at(step="steps"))
    names = (
        end.transform_filter("datum.who == 'reference'")
        .mark_text(align="right", dy=-12, fontWeight=600, fontSize=14)
        .encode(x=x, y=y, text="what:N", color=color)
    )
    dots = end.mark_point(filled=True, size=110, opacity=1).encode(
        x=x, y=y, color=color, shape=alt.Shape("what:N", legend=None)
    )
    peak = (
        end.transform_filter("datum.what == 'gold' && datum.peak >= 0 && datum.who == 'reference'")
        .mark_rule(strokeDash=[3, 3], strokeWidth=2)
        .encode(x=alt.X("peak:Q", title="training step"))
    )
    wide = end.transform_pivot("what", value="reward", groupby=["who", "peak"])
    says = (
        "'proxy ' + format(datum.proxy, '.3f') + ',  gold ' + format(datum.gold, '.3f')"
        " + (datum.peak < 0 ? '' : ',  peak at step ' + datum.peak)"
    )
    return (
        alt.layer(alt.layer(curves, peak, dots, names), plain(readout(wide, says)))
        .resolve_scale(y="independent", color="independent")
        .add_params(
            slider("beta", "KL penalty β", 0.0, 0.2, 0.01, 0.05),
            slider("steps", "steps", 20, 200, 20, 100),
        )
        .properties(width="container", height=320)
    )


def plain(line):
    """Without colour: here it says which reward a curve shows, not whose it is."""
    line.encoding.color = alt.Undefined
    return line
