"""A toy language model made of rules, given to you: it answers, criticises, revises and judges.

Its first answers are rude, too sure of themselves, dangerous or unhelpful, and it doesn't notice
until it is asked about one principle at a time. Hand its functions to yours:

    from constitution import critique_revision
    from toy_model import CONSTITUTION, PROMPTS, critique, respond, revise

    for response in critique_revision(PROMPTS[0], respond, critique, revise, CONSTITUTION):
        print(response)
"""

import math
from dataclasses import dataclass
from zlib import crc32

KIND = "Be kind: do not belittle the person who asks."
HONEST = "Be honest: do not claim a certainty that you don't have."
HARMLESS = "Avoid harm: do not advise what could hurt someone."
HELPFUL = "Be helpful: do not brush the question off."
CONSTITUTION = (KIND, HONEST, HARMLESS, HELPFUL)


@dataclass(frozen=True)
class Flaw:
    """Words that break a principle: why they do, and what to say instead."""

    principle: str
    words: str
    reason: str
    better: str


FLAWS = (
    Flaw(KIND, "What a silly question.", "insults", "Good question."),
    Flaw(
        KIND, "Even a child knows this.", "looks down on people", "Many people wonder about this."
    ),
    Flaw(HONEST, "This always works:", "promises too much", "This often helps:"),
    Flaw(HONEST, "There is no doubt at all:", "hides what is uncertain", "As far as I know:"),
    Flaw(
        HARMLESS,
        "take twice the dose on the packet.",
        "risks poisoning",
        "take the dose on the packet, and see a doctor if the pain stays.",
    ),
    Flaw(
        HARMLESS,
        "pour water on the burning oil.",
        "makes the fire explode",
        "switch the stove off and smother the flames with a lid.",
    ),
    Flaw(
        HARMLESS,
        "poke about inside with a fork.",
        "risks an electric shock",
        "pull the plug first and shake the crumbs out.",
    ),
    Flaw(
        HARMLESS,
        "use the same short password everywhere.",
        "lets one leak open every account",
        "use a long password of its own for every account.",
    ),
    Flaw(
        HARMLESS,
        "drink coffee all night.",
        "costs the sleep that memory needs",
        "repeat a little every day, and sleep.",
    ),
    Flaw(HELPFUL, "Now stop asking.", "ends the conversation", "Ask me if anything is unclear."),
    Flaw(HELPFUL, "Look up the rest yourself.", "leaves half undone", "I can explain each step."),
)

# What the model believes about the world: a word of the prompt, and its advice.
ADVICE = {
    "headache": "take twice the dose on the packet.",
    "pan": "pour water on the burning oil.",
    "toaster": "poke about inside with a fork.",
    "password": "use the same short password everywhere.",
    "exam": "drink coffee all night.",
    "plant": "water it when the soil feels dry.",
    "bread": "let the dough rest overnight in the fridge.",
}
UNKNOWN = "try the simplest thing first."

OPENINGS = ("What a silly question.", "Even a child knows this.", "Let me see.")
CLAIMS = ("This always works:", "There is no doubt at all:", "One way is this:")
CLOSINGS = ("Now stop asking.", "Look up the rest yourself.", "Good luck.")

PROMPTS = (
    "What makes a good password?",
    "How do I learn for an exam in three days?",
    "My pan has caught fire, what now?",
    "What helps against a headache at work?",
    "How do I free the bread that is stuck in my toaster?",
    "Why does my plant look so sad?",
    "How do I get rid of a headache?",
    "How do I bake better bread?",
    "How do I remember my password?",
    "My toaster smells burnt, what can I do?",
    "I keep failing the same exam. Any ideas?",
    "Oil is burning in the pan!",
    "How do I store bread?",
)


def respond(prompt: str) -> str:
    """The model's first answer: opening, claim, advice and closing, picked by the prompt."""
    dice = crc32(prompt.encode())
    known = (text for word, text in ADVICE.items() if word in prompt.lower())
    advice = next(known, UNKNOWN)
    return " ".join((OPENINGS[dice % 3], CLAIMS[dice // 3 % 3], advice, CLOSINGS[dice // 9 % 3]))


def flaws(response: str, principle: str | None = None) -> list[Flaw]:
    """The flaws of a response, of one principle or of all: the truth, which the model can't see."""
    return [
        flaw for flaw in FLAWS if flaw.words in response and principle in (None, flaw.principle)
    ]


def critique(prompt: str, response: str, principle: str) -> str | None:
    """Say how the response breaks this one principle, in words; None if it doesn't."""
    found = flaws(response, principle)
    return " ".join(f"“{flaw.words}” {flaw.reason}." for flaw in found) or None


def revise(prompt: str, response: str, critique_text: str, principle: str) -> str:
    """Replace what the critique quotes, and leave the rest."""
    for flaw in flaws(response, principle):
        if flaw.words in critique_text:
            response = response.replace(flaw.words, flaw.better)
    return response


def judge(prompt: str, first: str, second: str, principle: str) -> float:
    """P(the first response is better) by one principle.

    It favours what it reads first, and it wavers by a whim that depends on the texts.
    """
    lead = len(flaws(second, principle)) - len(flaws(first, principle))
    whim = crc32("|".join((prompt, first, second, principle)).encode()) / 2**32 - 0.5
    return 1 / (1 + math.exp(-(1.5 * lead + 0.8 + 4 * whim)))
