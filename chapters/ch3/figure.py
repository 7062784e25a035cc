"""The clipped objective of PPO, and what the KL penalty takes away."""

import altair as alt
import torch

from assay.book.figures import at, figure, grid, readout, slider, spot, whose

ADVANTAGES = grid(-2, 2, 0.5)
EPSILONS = grid(0.05, 0.4, 0.05)
RATIOS = grid(0.1, 2.5, 0.05)


def objective(f):
    ratios = torch.tensor(RATIOS, dtype=torch.float64)
    one = torch.ones(1, 1)
    zero = torch.zeros(1, 1, dtype=torch.float64)
    # The figure takes the reference for the old policy, so that one ratio says both.
    kl = [f.kl_estimate(zero + ratio.log(), zero, one, kind="k3") for ratio in ratios]
    return [
        {"advantage": advantage, "epsilon": epsilon, "ratio": ratio, "clipped": value, "kl": far}
        for advantage in ADVANTAGES
        for epsilon in EPSILONS
        for ratio, value, far in zip(
            RATIOS,
            f.clipped_surrogate(ratios, torch.full_like(ratios, advantage), epsilon),
            kl,
            strict=True,
        )
    ]


@figure(
    "clipped_surrogate",
    "kl_estimate",
    table=objective,
    alt="""Two curves over the probability ratio r, from 0.1 to 2.5. The first is PPO's clipped
    objective: for a positive advantage it rises with r and goes flat at 1 + epsilon; for a negative
    one it is flat up to 1 - epsilon and then falls without limit. The second, drawn with the first,
    has beta times the KL estimate k3 taken away; they meet at r = 1, where the KL is 0. A point
    marks the ratio of the slider, with both values in numbers.""",
)
def ppo_clipped_objective(data):
    here = (
        alt.Chart(data)
        .transform_filter(at(advantage="advantage", epsilon="epsilon"))
        .transform_calculate(penalised="datum.clipped - beta * datum.kl")
    )
    scale = alt.Scale(domain=[-3, 3])
    x = alt.X("ratio:Q", title="probability ratio r")
    clipped = here.mark_line(clip=True).encode(
        x=x, y=alt.Y("clipped:Q", title="objective", scale=scale), **whose()
    )
    penalised = here.mark_line(clip=True, strokeWidth=1.5, opacity=0.9).encode(
        x=x, y=alt.Y("penalised:Q", title="objective", scale=scale), **whose()
    )
    point = here.transform_filter(at(ratio="ratio"))
    says = (
        "'clipped ' + format(datum.clipped, '.3f') + ' (thick),  with KL '"
        " + format(datum.penalised, '.3f') + ' (thin)'"
    )
    return (
        alt.layer(
            alt.layer(clipped, penalised, spot(point, "ratio:Q", "clipped:Q")),
            readout(point, says),
        )
        .resolve_scale(y="independent")
        .add_params(
            slider("advantage", "advantage A", -2, 2, 0.5, 1.0),
            slider("epsilon", "ε", 0.05, 0.4, 0.05, 0.2),
            slider("beta", "β", 0, 0.5, 0.05, 0.1),
            slider("ratio", "ratio r", 0.1, 2.5, 0.05, 1.5),
        )
        .properties(width="container", height=300)
    )
