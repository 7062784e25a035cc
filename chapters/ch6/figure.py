"""One answer of the toy model, criticised and revised by one principle a round."""

import importlib.util
import re
import textwrap
from pathlib import Path

import altair as alt

from assay.book.figures import at, choice, figure, readout, size, slider, weight

TOY = Path(__file__).parents[2] / "exercises" / "ch6" / "toy_model.py"
_spec = importlib.util.spec_from_file_location("_toy_model_of_the_book", TOY)
toy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toy)

# Those whose first answers are worst.
PROMPTS = sorted(toy.PROMPTS, key=lambda prompt: -len(toy.flaws(toy.respond(prompt))))[:4]


def parts(response):
    return re.split(r"(?<=[.?!:]) ", response)


def rounds(f):
    rows = []
    for prompt in PROMPTS:
        responses = f.critique_revision(
            prompt, toy.respond, toy.critique, toy.revise, list(toy.CONSTITUTION)
        )
        before = parts(responses[0])
        for number, response in enumerate(responses):
            flaws = len(toy.flaws(response))
            principle = toy.CONSTITUTION[number - 1] if number else "the first answer"
            for line, part in enumerate(parts(response)):
                rows.append(
                    {
                        "prompt": prompt,
                        "round": number,
                        "principle": principle,
                        "line": line,
                        "text": "\n".join(textwrap.wrap(part, 40)),
                        "changed": part not in before,
                        "flaws": flaws,
                    }
                )
            before = parts(response)
    return rows


@figure(
    "critique_revision",
    table=rounds,
    alt="""The answer of a toy model to a question, sentence by sentence. In round 0 it stands as
    first given: rude, too sure of itself, harmful and unhelpful. Each round from 1 to 4 holds it
    against one principle, kindness, honesty, harmlessness and helpfulness in turn; the sentence
    that was revised in the round is marked with an arrow and in bold. The number of flaws that are
    left falls from round to round, down to none.""",
)
def critique_revision_rounds(data):
    here = alt.Chart(data).transform_filter(f"{at(round='round')} && datum.prompt == prompt")
    side = "datum.who == 'yours' ? 1 : 0"
    whose = "(datum.who == 'yours' ? 'yours: ' : '')"
    lines = (
        here.transform_calculate(
            says=f"{whose} + (datum.changed ? '▸ ' : '') + datum.text",
            place=f"datum.line + ({side}) * 5",
        )
        .mark_text(
            align="left",
            baseline="top",
            fontSize=size(14),
            lineBreak="\n",
            lineHeight=18,
            fontWeight=weight("datum.changed"),
        )
        .encode(
            x=alt.value(2),
            y=alt.Y(
                "place:Q",
                axis=None,
                scale=alt.Scale(
                    domainMin=-1.4, domainMax=alt.ExprRef("both ? 10 : 5"), reverse=True
                ),
            ),
            text="says:N",
        )
    )
    first = here.transform_filter("datum.line == 0")
    principle = (
        first.transform_filter("datum.who == 'reference'")
        .mark_text(align="left", fontSize=size(13), fontStyle="italic")
        .encode(x=alt.value(2), y=alt.value(26), text="principle:N")
    )
    left = "datum.flaws + (datum.flaws == 1 ? ' flaw' : ' flaws') + ' left'"
    return (
        alt.layer(lines, principle, readout(first, left))
        .resolve_scale(y="independent")
        .add_params(
            slider("round", "round", 0, 4, 1, 0),
            choice("prompt", "question", PROMPTS, PROMPTS[0]),
        )
        .properties(width="container", height=300)
    )
