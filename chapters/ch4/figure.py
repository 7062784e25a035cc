"""The loss of one pair, over how far apart its two log-ratios are."""

import altair as alt
import torch

from assay.book.figures import at, figure, grid, readout, slider, spot, whose

BETAS = grid(0.1, 1.0, 0.1)
GAPS = grid(-6, 6, 0.25)


def losses(f):
    one = torch.ones(1, dtype=torch.float64)

    def pair(gap):
        # Half of the gap on each side of two references that differ, so that all four count.
        return one * (gap / 2 - 3), one * (-gap / 2 - 5), one * -3, one * -5

    return [
        {
            "beta": beta,
            "gap": gap,
            "loss": f.dpo_loss(*pair(gap), beta=beta),
            "weight": f.dpo_gradient_weight(*pair(gap), beta=beta),
        }
        for beta in BETAS
        for gap in GAPS
    ]


@figure(
    "dpo_loss",
    "dpo_gradient_weight",
    table=losses,
    alt="""A curve of the DPO loss over the gap between the log-ratio of the chosen and that of the
    rejected response. Where the gap is negative, the pair is ranked wrong and the loss rises almost
    in a straight line; at gap 0 it is log 2, about 0.69; where the gap is positive it falls towards
    0. A larger beta makes the curve steeper. A point marks the pair that the sliders describe, with
    its loss and its gradient weight, which says how hard the pair is pushed.""",
)
def dpo_loss_landscape(data):
    curve = (
        alt.Chart(data)
        .mark_line(clip=True)
        .transform_filter(at(beta="beta"))
        .encode(
            x=alt.X("gap:Q", title="gap: log-ratio of chosen − log-ratio of rejected"),
            y=alt.Y("loss:Q", title="loss", scale=alt.Scale(domain=[0, 6])),
            **whose(),
        )
    )
    here = alt.Chart(data).transform_filter(at(beta="beta", gap="chosen - rejected"))
    says = "'loss ' + format(datum.loss, '.4f') + ',  weight ' + format(datum.weight, '.4f')"
    return (
        alt.layer(alt.layer(curve, spot(here, "gap:Q", "loss:Q")), readout(here, says))
        .resolve_scale(y="independent")
        .add_params(
            slider("chosen", "log-ratio of the chosen", -3, 3, 0.25, 1.0),
            slider("rejected", "log-ratio of the rejected", -3, 3, 0.25, -0.5),
            slider("beta", "β", 0.1, 1.0, 0.1, 0.5),
        )
        .properties(width="container", height=300)
    )
