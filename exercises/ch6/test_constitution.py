"""Worked examples for critique and revision: models simple enough to follow by hand."""

from assay.judging import agree, rejects, require
from assay.properties import worked


def shout(prompt):
    return "YES! NO! YES!"


def find_fault(prompt, response, principle):
    """Each principle is a word that must not occur."""
    return f"It says {principle}." if principle in response else None


def mend(prompt, response, critique_text, principle):
    return response.replace(principle, principle.lower())


@worked("critique_revision")
def test_each_round_mends_what_its_principle_forbids(learner):
    """Round 1 lowers every YES, round 2 every NO of the text that round 1 left."""
    responses = learner.critique_revision("Ready?", shout, find_fault, mend, ["YES", "NO"])
    agree(responses, ["YES! NO! YES!", "yes! NO! yes!", "yes! no! yes!"])


@worked("critique_revision")
def test_a_round_without_criticism_repeats_the_response(learner):
    """Nothing breaks the principle MAYBE, so the list holds the response twice."""
    responses = learner.critique_revision("Ready?", shout, find_fault, mend, ["MAYBE"])
    agree(responses, ["YES! NO! YES!", "YES! NO! YES!"])


@worked("sample_principles")
def test_no_principle_repeats_before_all_came_once(learner):
    """Five draws from three principles: all three, then two different ones."""
    constitution = ["be kind", "be honest", "be brief"]
    drawn = list(learner.sample_principles(constitution, 5, seed=0))
    agree(sorted(drawn[:3]), sorted(constitution))
    require(len(drawn) == 5 and drawn[3] != drawn[4], "two more, different ones", returned=drawn)


@worked("sample_principles")
def test_an_empty_constitution_has_no_principles(learner):
    """There is nothing to draw from an empty constitution: ValueError."""
    rejects(learner.attempt("sample_principles", [], 1, seed=0))


@worked("build_sft_dataset")
def test_unchanged_answers_teach_nothing(learner):
    """The first answer was revised and is kept; the second was fine and is dropped."""
    transcripts = [["WHAT?", "Hello!"], ["Goodbye.", "Goodbye."]]
    agree(learner.build_sft_dataset(["Hi", "Bye"], transcripts), [("Hi", "Hello!")])


@worked("build_sft_dataset")
def test_every_prompt_needs_its_transcript(learner):
    """Two prompts and one transcript don't belong together: ValueError."""
    rejects(learner.attempt("build_sft_dataset", ["Hi", "Bye"], [["WHAT?", "Hello!"]]))
