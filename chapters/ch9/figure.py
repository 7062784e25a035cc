"""The open problems and what connects them; and a market for what nobody can judge alone."""

import textwrap

import altair as alt
import numpy as np

from assay.book.figures import at, choice, figure, grid, readout, size, slider, spot, weight, whose

# Name: place, question, status.
PROBLEMS = {
    "scalable oversight": (
        (0.5, 1),
        "How does one judge work that is beyond one's own ability?",
        "active research",
    ),
    "weak-to-strong": (
        (0.2, 2),
        "Can a weak supervisor train a stronger model?",
        "promising early results; the gap is not closed",
    ),
    "interpretability": (
        (0.8, 2),
        "Can alignment be verified by reading what goes on inside?",
        "rapid progress",
    ),
    "robustness": (
        (0.25, 3),
        "Does aligned behaviour hold where the data is of another kind?",
        "largely unsolved",
    ),
    "multi-agent": (
        (0.75, 3),
        "How do many agents that act on each other stay aligned?",
        "early stage",
    ),
}
APPROACHES = {
    "debate": ((0.14, 0), "Two models argue, and a person judges which argument holds."),
    "recursion": ((0.5, 0), "Models help people to judge other models, part by part."),
    "markets": ((0.86, 0), "Traders with different knowledge agree on a probability."),
    "probes": ((0.86, 1), "A direction in the activations that stands for a concept."),
}
LINKS = (
    ("scalable oversight", "debate"),
    ("scalable oversight", "recursion"),
    ("scalable oversight", "markets"),
    ("scalable oversight", "weak-to-strong"),
    ("scalable oversight", "interpretability"),
    ("interpretability", "probes"),
    ("interpretability", "robustness"),
    ("weak-to-strong", "robustness"),
    ("multi-agent", "robustness"),
    ("multi-agent", "interpretability"),
)


def landscape(f):
    places = {name: what[0] for name, what in {**PROBLEMS, **APPROACHES}.items()}
    rows = []
    for one, other in LINKS:
        (x, y), (x2, y2) = places[one], places[other]
        rows.append({"kind": "link", "a": one, "b": other, "x": x, "y": y, "x2": x2, "y2": y2})
    for name, (x, y) in places.items():
        near = [b if a == name else a for a, b in LINKS if name in (a, b)]
        problem = PROBLEMS.get(name)
        rows.append(
            {
                "kind": "problem" if problem else "approach",
                "name": name,
                "x": x,
                "y": y,
                "near": f"|{'|'.join(near)}|",
                "question": "\n".join(textwrap.wrap((problem or APPROACHES[name])[1], 40)),
                "status": f"status: {problem[2]}" if problem else "an approach",
                "connects": "\n".join(textwrap.wrap(f"connects to: {', '.join(near)}", 40)),
            }
        )
    return rows


@figure(
    table=landscape,
    alt="""A graph of five open problems and four approaches. Scalable oversight is linked to
    debate, recursion and markets, which are approaches to it, and to weak-to-strong generalisation
    and interpretability. Interpretability is linked to probes, an approach, to robustness and to
    multi-agent alignment. Robustness is linked to weak-to-strong and multi-agent, too. Choosing a
    node lights up its links and tells its question, its status and what it connects to.""",
)
def landscape_of_open_problems(data):
    chart = alt.Chart(data)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1]))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.3, 5.3], reverse=True))
    touches = "(datum.a == node || datum.b == node)"
    links = (
        chart.transform_filter("datum.kind == 'link'")
        .mark_rule()
        .encode(
            x=x,
            y=y,
            x2="x2:Q",
            y2="y2:Q",
            strokeWidth=alt.condition(touches, alt.value(3.5), alt.value(1.2)),
            opacity=alt.condition(touches, alt.value(1), alt.value(0.55)),
        )
    )
    nodes = chart.transform_filter("datum.kind != 'link'")
    near = "(datum.name == node || indexof(datum.near, '|' + node + '|') >= 0)"
    marks = nodes.mark_point(filled=True, opacity=1).encode(
        x=x,
        y=y,
        shape=alt.Shape(
            "kind:N",
            legend=None,
            scale=alt.Scale(domain=["problem", "approach"], range=["circle", "diamond"]),
        ),
        color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=["problem", "approach"])),
        size=alt.condition("datum.name == node", alt.value(420), alt.value(190)),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("status:N"), alt.Tooltip("connects:N")],
    )
    edged = nodes.mark_text(dy=-19, fontSize=size(13), fontWeight=weight(near), style="halo")
    names = nodes.mark_text(dy=-19, fontSize=size(13), fontWeight=weight(near)).encode(
        x=x,
        y=y,
        text="name:N",
    )
    one = nodes.transform_filter("datum.name == node")
    words = [
        one.mark_text(
            align="left",
            baseline="top",
            fontSize=size(14),
            lineBreak="\n",
            lineHeight=18,
            fontWeight=bold,
        ).encode(x=alt.value(2), y=alt.datum(place), text=f"{column}:N")
        for column, place, bold in (
            ("question", 3.55, 600),
            ("status", 4.2, 400),
            ("connects", 4.6, 400),
        )
    ]
    return (
        alt.layer(links, edged.encode(x=x, y=y, text="name:N"), marks, names, *words)
        .add_params(choice("node", "node", [*PROBLEMS, *APPROACHES], "scalable oversight"))
        .properties(width="container", height=430)
    )


LIQUIDITIES = grid(2, 20, 2)
SHARES = grid(-20, 20, 1)


def prices(f):
    start = np.zeros(2)
    rows = []
    for liquidity in LIQUIDITIES:
        for shares in SHARES:
            bought = np.array([shares, 0.0])
            rows.append(
                {
                    "liquidity": liquidity,
                    "shares": shares,
                    "price": f.market_prices(bought, liquidity)[0],
                    "cost": f.market_cost(start, bought, liquidity),
                }
            )
    return rows


@figure(
    "market_prices",
    "market_cost",
    table=prices,
    alt="""An S-shaped curve: the price of the outcome yes over the number of its shares that have
    been sold, from minus 20 to 20. Without a trade the price is one half. Each share bought raises
    it, quickly where the liquidity is small and slowly where it is large. A point marks the shares
    of the slider, with the price there and what all of them cost together.""",
)
def prediction_market(data):
    here = alt.Chart(data).transform_filter(at(liquidity="liquidity"))
    point = here.transform_filter(at(shares="shares"))
    curve = here.mark_line().encode(
        x=alt.X("shares:Q", title="shares of “yes” bought"),
        y=alt.Y("price:Q", title="price of “yes”", scale=alt.Scale(domain=[0, 1.15])),
        **whose(),
    )
    says = "'price ' + format(datum.price, '.4f') + ',  cost ' + format(datum.cost, '.3f')"
    return (
        alt.layer(alt.layer(curve, spot(point, "shares:Q", "price:Q")), readout(point, says))
        .resolve_scale(y="independent")
        .add_params(
            slider("liquidity", "liquidity b", 2, 20, 2, 10),
            slider("shares", "shares bought", -20, 20, 1, 10),
        )
        .properties(width="container", height=280)
    )
