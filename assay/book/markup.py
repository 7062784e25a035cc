"""The HTML of what Sphinx has no node for, written around nodes that it has."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes

from assay.book.quiz import Question
from assay.course import Exercise


def raw(html: str) -> nodes.raw:
    """A piece of HTML."""
    return nodes.raw("", html, format="html")


def element(tag: str, **attributes: Any) -> str:
    """An opening tag. ``class_`` is class, ``_`` is a dash, True is an attribute without value."""
    parts = [tag]
    for name, value in attributes.items():
        key = name.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(key)
        elif value is not None and value is not False:
            parts.append(f'{key}="{escape(str(value))}"')
    return f"<{' '.join(parts)}>"


Inline = list[nodes.Node]


def question(one: Question, prefix: str, number: int, inline: Any) -> list[nodes.Node]:
    """A question as a form. ``inline`` parses a text of Markdown into nodes."""
    form = f"{prefix}-{one.id}"
    label = "Check question" if one.check else f"Question {number}"
    data = {}
    if not one.options:
        data = {"data_answer": repr(one.answer), "data_tolerance": repr(one.tolerance)}
    out: list[nodes.Node] = [
        raw(
            element("form", class_="question", id=form, novalidate=True, **data)
            + f'<fieldset><legend><span class="question-label">{label}</span> '
        ),
        nodes.inline("", "", *inline(one.text)),
        raw("</legend>"),
    ]
    if one.options:
        out += _options(one, form, inline)
    else:
        out += _number(one, form, inline)
    out.append(raw("</fieldset></form>"))
    return out


def _options(one: Question, form: str, inline: Any) -> list[nodes.Node]:
    out: list[nodes.Node] = []
    for index, option in enumerate(one.options):
        button = element(
            "input", type="radio", name=form, value=index, data_right=option.right or None
        )
        out += [
            raw(f'<div class="option"><label>{button}<span class="answer">'),
            nodes.inline("", "", *inline(option.text)),
            raw('</span></label><p class="why" hidden>'),
            raw(_verdict(option.right)),
            nodes.inline("", "", *inline(option.why)),
            raw("</p></div>"),
        ]
    out.append(raw('<p class="said" role="status"></p>'))
    return out


def _number(one: Question, form: str, inline: Any) -> list[nodes.Node]:
    field = element(
        "input", type="text", inputmode="decimal", autocomplete="off", id=f"{form}-number"
    )
    out: list[nodes.Node] = [
        raw(
            f'<div class="predict"><label for="{form}-number">Your prediction</label>{field}'
            '<button type="submit">Check</button>'
            '<button type="button" class="reveal" hidden>Show the answer</button></div>'
            '<p class="said" role="status"></p>'
            '<p class="why" data-for="right" hidden>'
        ),
        raw(f'<strong class="right">{_exact(one)}</strong> '),
        nodes.inline("", "", *inline(one.why)),
        raw("</p>"),
    ]
    for slip in one.slips:
        opening = element(
            "p", class_="why", data_for="slip", data_value=repr(slip.value), hidden=True
        )
        out += [
            raw(opening + _verdict(False)),
            nodes.inline("", "", *inline(slip.why)),
            raw("</p>"),
        ]
    return out


def _exact(one: Question) -> str:
    from assay.book.numbers import printed

    return f"It is {printed(one.answer)}."


def _verdict(right: bool) -> str:
    return (
        '<strong class="right">✓ Right.</strong> '
        if right
        else '<strong class="wrong">✗ Not quite.</strong> '
    )


def exercise_box(one: Exercise, link: str | None) -> str:
    """What one has to know to solve an exercise, and, in the live book, how it stands."""
    where = f"exercises/{one.chapter}/{one.module}.py"
    place = f"<code>{where}</code>, line {one.line}"
    if link:
        place = f'<a href="{escape(link)}">{place}</a>'
    hints = "".join(
        f"<details><summary>{name}</summary><p>{escape(hint)}</p></details>"
        for name, hint in zip(_hint_names(len(one.hints)), one.hints, strict=True)
    )
    purpose, _, rest = one.docstring.partition("\n\n")
    function = escape(one.function)
    return f"""
<section class="exercise" id="exercise-{function}" data-function="{function}"
  aria-label="Exercise {function}">
<p class="exercise-head"><span class="exercise-label">Your turn</span>
<code class="exercise-name">{function}</code>
<span class="exercise-points">{one.points:g} points</span></p>
<p class="exercise-sentence">{escape(" ".join(purpose.split()))}</p>
<p class="state" role="status" hidden></p>
<p class="exercise-where">Edit {place}, then run</p>
<pre class="command" tabindex="0">assay check {one.chapter} {function}</pre>
<details><summary>What it must do</summary>
<pre class="contract" tabindex="0">{escape(one.signature)}

{escape(rest.strip(chr(10)).rstrip())}</pre></details>
<details><summary>Hints</summary>{hints}</details>
</section>
"""


def _hint_names(count: int) -> list[str]:
    names = ["The idea", "The usual trap", "An outline"]
    return names if count == len(names) else [f"Hint {i + 1}" for i in range(count)]
