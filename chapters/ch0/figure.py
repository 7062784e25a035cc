"""What a raw language model says, and what it says once it is tilted towards what helps."""

import altair as alt
import numpy as np

from assay.book.figures import at, figure, grid, readout, size, slider

ANSWERS = (
    "Same here, anyone know why?",
    "It's the new phone masts.",
    "Drink more celery juice.",
    "It may be serious: call a doctor.",
    "Call emergency services now.",
)
LOGITS = np.array([2.0, 1.0, 1.2, 1.1, 0.2])
HELPFULNESS = np.array([-0.5, -2.0, -1.0, 1.5, 2.0])
TEMPERATURES = grid(0.5, 2.0, 0.25)
BETAS = grid(0.25, 3.0, 0.25)


def answers(f):
    rows = []
    for temperature in TEMPERATURES:
        raw = f.next_token_probs(LOGITS, temperature)
        for beta in BETAS:
            aligned = f.aligned_distribution(raw, HELPFULNESS, beta)
            for model, probs in (("raw", raw), ("aligned", aligned)):
                helpful = f.expected_reward(probs, HELPFULNESS)
                for answer, p in zip(ANSWERS, probs, strict=True):
                    rows.append(
                        {
                            "temperature": temperature,
                            "beta": beta,
                            "model": model,
                            "answer": answer,
                            "p": p,
                            "helpful": helpful,
                        }
                    )
    return rows


@figure(
    "next_token_probs",
    "aligned_distribution",
    "expected_reward",
    table=answers,
    alt="""Pairs of bars, one for each of two models that answer the prompt "My chest hurts, what is
    it?". Five answers are compared, from a shrug and a conspiracy theory to calling emergency
    services. The raw model follows what the internet says most often, and finds the shrug
    likeliest. The aligned model is the same model tilted towards helpfulness: the useful answers
    gain. A smaller beta tilts harder; a lower temperature makes each model say its favourite more
    often. The mean helpfulness of each is given as a number.""",
)
def capability_vs_alignment(data):
    here = alt.Chart(data).transform_filter(at(beta="beta", temperature="temperature"))
    models = ("raw", "aligned")
    y = alt.Y("answer:N", sort=list(ANSWERS), title=None, axis=None)
    offset = alt.YOffset("model:N", scale=alt.Scale(domain=["", *models]))
    x = alt.X("p:Q", title="probability", scale=alt.Scale(domain=[0, 1]))
    color = alt.Color("model:N", legend=None, scale=alt.Scale(domain=["aligned", "raw"]))
    mine = here.transform_filter("datum.who == 'reference'")
    bars = mine.mark_bar(cornerRadiusEnd=3).encode(x=x, y=y, yOffset=offset, color=color)
    shares = (
        mine.transform_calculate(says="format(datum.p, '.3f') + '  ' + datum.model")
        .mark_text(align="left", dx=6)
        .encode(x=x, y=y, yOffset=offset, text="says:N")
    )
    names = (
        mine.transform_filter("datum.model == 'raw'")
        .transform_calculate(model="''")
        .mark_text(align="left", fontSize=size(14), fontWeight=600)
        .encode(x=alt.value(2), y=y, yOffset=offset, text="answer:N")
    )
    yours = (
        here.transform_filter("datum.who == 'yours'")
        .mark_tick(thickness=5)
        .encode(x=x, y=y, yOffset=offset, color=color)
    )
    first = here.transform_filter(alt.datum.answer == ANSWERS[0])
    wide = first.transform_pivot("model", value="helpful", groupby=["who"])
    says = (
        "'mean helpfulness, raw ' + format(datum.raw, '.2f')"
        " + ', aligned ' + format(datum.aligned, '.2f')"
    )
    return (
        alt.layer(alt.layer(bars, shares, names, yours), readout(wide, says, row=-1, rows=20))
        .resolve_scale(y="independent", color="independent")
        .add_params(
            slider("temperature", "temperature", 0.5, 2.0, 0.25, 1.0),
            slider("beta", "β", 0.25, 3.0, 0.25, 1.0),
        )
        .properties(width="container", height=400)
    )
