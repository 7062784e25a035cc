"""A chain of five steps, judged by its last line alone and step by step."""

from itertools import product

import altair as alt

from assay.book.figures import figure, readout, switch

RIGHT, WRONG = 0.9, 0.1
METHODS = ("min", "product", "mean", "last")
STEPS = 5


def scores(f):
    rows = []
    for code, steps in enumerate(product((False, True), repeat=STEPS)):
        given = [RIGHT if step else WRONG for step in steps]
        first = f.first_error(given)
        for method in METHODS:
            rows.append(
                {
                    "code": code,
                    "judge": f"PRM, {method}",
                    "score": f.aggregate_step_scores(given, method),
                    "first": 0 if first is None else first + 1,
                }
            )
    return rows


@figure(
    "aggregate_step_scores",
    "first_error",
    table=scores,
    alt="""Bars that compare five judges of a chain of five steps. The outcome reward model looks at
    the final answer alone: 0.9 if it is right, 0.1 if not. The process reward model scores each
    step 0.9 or 0.1, and four bars show ways to make one score of them: the smallest, the product,
    the mean and the last. At first, step 3 is wrong and the final answer right all the same: the
    outcome model is content, while the smallest step score shows that something went wrong, and the
    first error says where.""",
)
def prm_vs_orm(data):
    code = " + ".join(f"(step{i + 1} ? {2 ** (STEPS - 1 - i)} : 0)" for i in range(STEPS))
    here = alt.Chart(data).transform_filter(f"datum.code == {code}")
    order = ["ORM, answer", *(f"PRM, {method}" for method in METHODS)]
    y = alt.Y("judge:N", sort=order, title=None, scale=alt.Scale(domain=order))
    x = alt.X("score:Q", title="score", scale=alt.Scale(domain=[0, 1.15]))
    color = alt.Color("who:N", title=None, scale=alt.Scale(domain=["reference", "yours"]))
    bars = (
        here.transform_filter("datum.who == 'reference'")
        .mark_bar(cornerRadiusEnd=3, height={"band": 0.6})
        .encode(x=x, y=y, color=color)
    )
    numbers = (
        here.transform_filter("datum.who == 'reference'")
        .mark_text(align="left", dx=6)
        .encode(x=x, y=y, text=alt.Text("score:Q", format=".3f"))
    )
    yours = (
        here.transform_filter("datum.who == 'yours'")
        .mark_tick(thickness=5, height={"band": 0.9})
        .encode(x=x, y=y, color=color)
    )
    outcome = here.transform_filter(
        "datum.who == 'reference' && datum.judge == 'PRM, min'"
    ).transform_calculate(judge="'ORM, answer'", score=f"answer ? {RIGHT} : {WRONG}")
    orm = alt.layer(
        outcome.mark_bar(cornerRadiusEnd=3, height={"band": 0.6}, opacity=0.55).encode(x=x, y=y),
        outcome.mark_text(align="left", dx=6).encode(
            x=x, y=y, text=alt.Text("score:Q", format=".3f")
        ),
    )
    one = here.transform_filter("datum.judge == 'PRM, min'")
    says = "datum.first == 0 ? 'no step is wrong' : 'first error: step ' + datum.first"
    chart = alt.layer(alt.layer(orm, bars, numbers, yours), readout(one, f"({says})", row=-1))
    switches = [switch(f"step{i + 1}", f"step {i + 1} right", i != 2) for i in range(STEPS)]
    return (
        chart.resolve_scale(y="independent")
        .add_params(*switches, switch("answer", "final answer right", True))
        .properties(width="container", height=230)
    )
