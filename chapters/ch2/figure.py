"""The three stages of RLHF, in the order in which the pipeline calls them."""

import textwrap

import altair as alt

from assay.book.figures import choice, figure, size, weight

STAGES = ("SFT", "reward model", "PPO")
ROLE = {
    "SFT": "Shows the model what an answer looks like: it imitates written examples.",
    "reward model": "Learns to score answers from people's comparisons of two.",
    "PPO": "Raises the score of what the model says, on a leash to the SFT model.",
}
INPUTS = {
    "SFT": "in: base model, demonstrations",
    "reward model": "in: SFT model, preference pairs",
    "PPO": "in: SFT model (twice: start and reference), reward, prompts",
}
OUTPUTS = {
    "SFT": "out: SFT model, start and reference of PPO",
    "reward model": "out: a number for every answer",
    "PPO": "out: aligned model",
}


def wrapped(text):
    return "\n".join(textwrap.wrap(text, 36))


def stages(f):
    """Runs the pipeline with stages that only write down when they are called."""
    called = []

    def stage(name):
        def run(*given):
            called.append(name)
            return name

        return run

    f.rlhf_pipeline("base", "demonstrations", "preferences", "prompts", *map(stage, STAGES))
    return [
        {
            "place": place,
            "stage": name,
            "role": wrapped(ROLE[name]),
            "inputs": wrapped(INPUTS[name]),
            "outputs": wrapped(OUTPUTS[name]),
        }
        for place, name in enumerate(called, start=1)
    ]


@figure(
    "rlhf_pipeline",
    table=stages,
    alt="""Three boxes in a row with arrows between them: 1 SFT, 2 reward model, 3 PPO. SFT takes
    the base model and demonstrations and gives the SFT model. The reward model takes the SFT model
    and preference pairs and gives a number for every answer. PPO takes the SFT model, both as its
    start and as its reference, the reward, and prompts, and gives the aligned model. Choosing a
    stage shows its role, what goes in and what comes out.""",
)
def pipeline_flow(data):
    on = "datum.stage == stage"
    base = alt.Chart(data).transform_calculate(
        row="datum.who == 'yours' ? 1 : 0", label="datum.place + '\\n' + datum.stage"
    )
    x = alt.X("place:Q", axis=None, scale=alt.Scale(domain=[0.55, 3.45]))
    y = alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[-0.6, 3.4], reverse=True))
    color = alt.Color("who:N", title=None, scale=alt.Scale(domain=["reference", "yours"]))
    frames = (
        base.transform_calculate(
            left="datum.place - 0.43",
            right="datum.place + 0.43",
            top="datum.row - 0.32",
            low="datum.row + 0.32",
        )
        .mark_rect(cornerRadius=8, filled=False)
        .encode(
            x=alt.X("left:Q", axis=None, scale=alt.Scale(domain=[0.55, 3.45])),
            x2="right:Q",
            y=alt.Y("top:Q", axis=None),
            y2="low:Q",
            stroke=alt.Stroke("who:N", title=None, scale=alt.Scale(domain=["reference", "yours"])),
            strokeWidth=alt.condition(on, alt.value(4), alt.value(1.5)),
        )
    )
    boxes = base.mark_text(
        fontSize=size(13), fontWeight=weight(on), lineBreak="\n", lineHeight=17, dy=-8
    ).encode(
        x=x,
        y=y,
        text="label:N",
        color=color,
    )
    arrows = (
        base.transform_filter("datum.place < 3")
        .transform_calculate(between="datum.place + 0.5")
        .mark_text(fontSize=size(16), text="→")
        .encode(x=alt.X("between:Q", axis=None), y=y)
    )
    words = [
        base.transform_filter(f"{on} && datum.who == 'reference'")
        .mark_text(
            align="left",
            baseline="top",
            fontSize=size(14),
            fontWeight=bold,
            lineBreak="\n",
            lineHeight=18,
        )
        .encode(x=alt.value(2), text=f"{column}:N", y=alt.datum(place))
        for column, place, bold in (
            ("role", 1.5, 600),
            ("inputs", 2.2, 400),
            ("outputs", 2.9, 400),
        )
    ]
    return (
        alt.layer(frames, boxes, arrows, *words)
        .add_params(choice("stage", "stage", STAGES, "SFT"))
        .properties(width="container", height=290)
    )
