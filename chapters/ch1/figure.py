"""The loss of one comparison, and the push that its gradient gives."""

import altair as alt
import torch

from assay.book.figures import at, figure, grid, readout, slider, spot, whose

GAPS = grid(-6, 6, 0.25)


def losses(f):
    rows = []
    for gap in GAPS:
        chosen = torch.tensor([gap / 2], dtype=torch.float64, requires_grad=True)
        rejected = torch.tensor([-gap / 2], dtype=torch.float64)
        loss = f.bradley_terry_loss(chosen, rejected)
        (slope,) = torch.autograd.grad(loss, chosen)
        probability = f.preference_probability(chosen.detach(), rejected)
        rows.append({"gap": gap, "loss": loss.detach(), "slope": slope, "probability": probability})
    return rows


@figure(
    "bradley_terry_loss",
    "preference_probability",
    table=losses,
    alt="""A curve of the Bradley-Terry loss over the gap between the reward of the chosen and that
    of the rejected answer. It is high and nearly straight where the gap is negative, 0.69 at gap 0
    and close to 0 where the gap is large. A point marks the gap that the two sliders give, and a
    straight line through it shows the slope of the curve there: the gradient, which pushes the two
    rewards apart, hard where the pair is ranked wrong and hardly at all where it is ranked
    right.""",
)
def reward_model_training(data):
    curve = (
        alt.Chart(data)
        .mark_line()
        .encode(
            x=alt.X("gap:Q", title="gap: reward of chosen − reward of rejected"),
            y=alt.Y("loss:Q", title="loss", scale=alt.Scale(domain=[0, 6])),
            **whose(),
        )
    )
    here = alt.Chart(data).transform_filter(at(gap="chosen - rejected"))
    tangent = (
        here.transform_calculate(
            left="datum.gap - 1.5",
            right="datum.gap + 1.5",
            start="datum.loss - 1.5 * datum.slope",
            end="datum.loss + 1.5 * datum.slope",
        )
        .mark_rule(strokeWidth=2, opacity=0.75, clip=True)
        .encode(
            x="left:Q", x2="right:Q", y=alt.Y("start:Q", title="loss"), y2="end:Q", color="who:N"
        )
    )
    says = (
        "'P ' + format(datum.probability, '.4f') + ',  loss ' + format(datum.loss, '.4f')"
        " + ',  slope ' + format(datum.slope, '.4f')"
    )
    return (
        alt.layer(alt.layer(curve, tangent, spot(here, "gap:Q", "loss:Q")), readout(here, says))
        .resolve_scale(y="independent")
        .add_params(
            slider("chosen", "reward of the chosen", -3, 3, 0.25, 1.5),
            slider("rejected", "reward of the rejected", -3, 3, 0.25, -0.5),
        )
        .properties(width="container", height=300)
    )
