"""What each method needs, and how KTO values gains and losses."""

import altair as alt
import torch

from assay.book.figures import at, choice, figure, grid, readout, size, slider, spot, weight, whose

# Models held in memory while the last stage trains, and the data it learns from.
METHODS = {
    "RLHF (PPO)": (4, "pairs", "3: SFT, reward model, PPO", "policy, reference, reward, critic"),
    "GRPO": (3, "pairs", "3: SFT, reward model, GRPO", "policy, reference, reward"),
    "DPO": (2, "pairs", "2: SFT, DPO", "policy, reference"),
    "KTO": (2, "thumbs up or down", "2: SFT, KTO", "policy, reference"),
    "SimPO": (1, "pairs", "2: SFT, SimPO", "policy"),
    "ORPO": (1, "pairs", "1", "policy"),
}


def methods(f):
    return [
        {
            "place": place,
            "method": name,
            "models": models,
            "data": data,
            "stages": stages,
            "held": held,
        }
        for place, (name, (models, data, stages, held)) in enumerate(METHODS.items())
    ]


@figure(
    table=methods,
    alt="""Six methods as bars, as long as the number of models that they hold in memory. RLHF with
    PPO holds four: policy, reference, reward model and critic. GRPO holds three, without the
    critic. DPO and KTO hold two, policy and reference. SimPO and ORPO hold the policy alone. All
    learn from pairs but KTO, which needs only a thumb up or down for single answers. ORPO needs one
    stage; SimPO, DPO and KTO need two; RLHF and GRPO three. Choosing a method shows its stages and
    its data.""",
)
def method_comparison(data):
    on = "datum.method == method"
    chart = alt.Chart(data)
    x = alt.X("models:Q", axis=None, scale=alt.Scale(domain=[-2.6, 9]))
    y = alt.Y("place:Q", axis=None, scale=alt.Scale(domain=[-0.6, 10], reverse=True))
    bars = chart.mark_bar(orient="horizontal", size=18, cornerRadiusEnd=3).encode(
        x=x, x2=alt.datum(0), y=y, opacity=alt.condition(on, alt.value(1), alt.value(0.4))
    )
    names = chart.mark_text(align="left", fontSize=size(13), fontWeight=weight(on)).encode(
        x=alt.value(2), y=y, text="method:N"
    )
    ends = (
        chart.transform_calculate(
            label="datum.models + (datum.models == 1 ? ' model, ' : ' models, ') + datum.data"
        )
        .mark_text(align="left", dx=6, fontSize=size(13), fontWeight=weight(on))
        .encode(x=x, y=y, text="label:N")
    )
    words = [
        chart.transform_filter(on)
        .transform_calculate(says=says)
        .mark_text(align="left", fontSize=size(14), fontWeight=600 if line == 0 else 400)
        .encode(x=alt.value(2), y=alt.datum(6.4 + line), text="says:N")
        for line, says in enumerate(
            (
                "datum.method",
                "'stages: ' + datum.stages",
                "'in memory: ' + datum.held",
                "'learns from: ' + datum.data",
            )
        )
    ]
    return (
        alt.layer(bars, names, ends, *words)
        .add_params(choice("method", "method", list(METHODS), "KTO"))
        .properties(width="container", height=330)
    )


LAMBDAS = grid(0.5, 2.0, 0.25)
MARGINS = grid(-6, 6, 0.25)


def values(f):
    zero = torch.zeros(1, dtype=torch.float64)
    rows = []
    for lam in LAMBDAS:
        for margin in MARGINS:
            for liked in (True, False):
                loss = f.kto_loss(
                    zero + margin,
                    zero,
                    torch.tensor([liked]),
                    0.0,
                    beta=1.0,
                    lambda_d=lam,
                    lambda_u=lam,
                )
                answer = "thumbs up" if liked else "thumbs down"
                rows.append({"lam": lam, "margin": margin, "answer": answer, "loss": loss})
    return rows


@figure(
    "kto_loss",
    table=values,
    alt="""Two S-shaped curves of KTO's loss over the margin, the log-ratio of an answer minus the
    reference point, at beta 1. For an answer with thumbs up the loss falls from its weight lambda D
    to 0 as the margin grows; for one with thumbs down it rises from 0 to its weight lambda U. The
    weights start unequal, 1 for gains and 1.5 for losses: losses loom larger. Points mark the
    margin of the slider.""",
)
def kto_value_curve(data):
    here = alt.Chart(data).transform_filter(
        f"datum.answer == 'thumbs up' ? {at(lam='lambda_d')} : {at(lam='lambda_u')}"
    )
    point = here.transform_filter(at(margin="margin"))

    def side(answer, row):
        mine = point.transform_filter(alt.datum.answer == answer)
        return readout(mine, f"'{answer}: loss ' + format(datum.loss, '.3f')", row=row)

    curves = here.mark_line().encode(
        x=alt.X("margin:Q", title="margin: log-ratio − reference point"),
        y=alt.Y("loss:Q", title="loss", scale=alt.Scale(domain=[0, 2.6])),
        detail="answer:N",
        **whose(),
    )
    names = (
        here.transform_filter(
            "datum.answer == 'thumbs up' ? datum.margin == -5 : datum.margin == 5"
        )
        .transform_filter("datum.who == 'reference'")
        .mark_text(dy=-12, fontWeight=600)
        .encode(x="margin:Q", y="loss:Q", text="answer:N")
    )
    return (
        alt.layer(
            alt.layer(curves, names, spot(point, "margin:Q", "loss:Q")),
            side("thumbs up", 0),
            side("thumbs down", 2),
        )
        .resolve_scale(y="independent")
        .add_params(
            slider("lambda_d", "λ D (thumbs up)", 0.5, 2.0, 0.25, 1.0),
            slider("lambda_u", "λ U (thumbs down)", 0.5, 2.0, 0.25, 1.5),
            slider("margin", "margin", -6, 6, 0.25, 1.0),
        )
        .properties(width="container", height=300)
    )
