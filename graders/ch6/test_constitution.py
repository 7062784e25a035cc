"""What is true of critique and revision, whichever models are plugged in."""

from collections import Counter
from itertools import permutations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from assay.draws import sizes
from assay.judging import Falsified, agree, passes_through, rejects, require, untouched
from assay.properties import core, extra

# --- critique_revision

# Models that write down what they were given, so that a text shows its whole history. The word
# "fine" in a principle means that there is nothing to criticise.


def respond(prompt):
    return f"answer to {prompt}"


def critique(prompt, response, principle):
    return None if "fine" in principle else f"{principle} of {response} to {prompt}"


def revise(prompt, response, critique_text, principle):
    return f"{response}, revised by {principle} for “{critique_text}” to {prompt}"


def transcript(prompt, principles):
    """All responses, by recursion on the principles."""
    if not principles:
        return [respond(prompt)]
    *earlier, principle = principles
    before = transcript(prompt, earlier)
    said = critique(prompt, before[-1], principle)
    return [*before, before[-1] if said is None else revise(prompt, before[-1], said, principle)]


PROMPTS = st.sampled_from(["Hi", "Why?"])
PRINCIPLES = st.lists(st.sampled_from(["kind", "honest", "fine"]), max_size=4)


@core("critique_revision")
@given(PROMPTS, PRINCIPLES)
@example("Hi", ["kind"])
@example("Hi", ["fine"])
@example("Hi", ["kind", "fine", "honest"])
@example("Why?", ["kind", "kind"])
def test_critique_revision_improves_the_newest_response(learner, prompt, principles):
    """First comes the first response, then for each principle the newest, revised if criticised."""
    expected = transcript(prompt, principles)
    agree(learner.critique_revision(prompt, respond, critique, revise, principles), expected)


@extra("critique_revision", weight=3)
@given(PROMPTS, PRINCIPLES)
@example("Hi", ["kind", "fine", "honest"])
def test_critique_revision_makes_no_call_too_many(learner, prompt, principles):
    """One answer, one critique per principle, one revision per critique, on the newest response."""
    expected, newest = [("respond", (prompt,))], respond(prompt)
    for principle in principles:
        expected.append(("critique", (prompt, newest, principle)))
        said = critique(prompt, newest, principle)
        if said is not None:
            expected.append(("revise", (prompt, newest, said, principle)))
            newest = revise(prompt, newest, said, principle)
    call = learner.attempt("critique_revision", prompt, respond, critique, revise, principles)
    _ = call.value
    agree([(one.model, one.args) for one in call.models], expected)


@extra("critique_revision", weight=2)
@given(st.sampled_from(["", "0"]))
@example("")
def test_critique_revision_takes_an_empty_critique_seriously(learner, said):
    """Only None means that there is nothing to criticise; an empty text is a critique."""

    def short(prompt, response, principle):
        return said

    expected = ["answer to Hi", revise("Hi", "answer to Hi", said, "kind")]
    agree(learner.critique_revision("Hi", respond, short, revise, ["kind"]), expected)


@extra("critique_revision")
def test_critique_revision_goes_on_from_an_empty_response(learner):
    """An empty response is a response: it is listed, criticised and revised like any other."""

    def nothing(*args):
        return ""

    def fill(prompt, response, critique_text, principle):
        return "" if principle == "brief" else f"[{response}]"

    responses = learner.critique_revision("Hi", nothing, critique, fill, ["brief", "kind"])
    agree(responses, ["", "", "[]"])
    agree(
        learner.critique_revision("Hi", respond, critique, nothing, ["kind", "fine"])[1:], ["", ""]
    )


@extra("critique_revision")
def test_critique_revision_without_principles(learner):
    """Without principles there is the first response alone."""
    agree(learner.critique_revision("Hi", respond, critique, revise, []), ["answer to Hi"])


def fails(*args):
    raise RuntimeError("the model is down")


@extra("critique_revision")
@given(st.sampled_from([0, 1, 2]))
@example(0)
@example(1)
@example(2)
def test_critique_revision_lets_exceptions_through(learner, place):
    """An exception of one of the models comes out unchanged."""
    models = [respond, critique, revise]
    models[place] = fails
    passes_through(learner.attempt("critique_revision", "Hi", *models, ["kind"]))


@extra("critique_revision")
def test_critique_revision_leaves_the_principles(learner):
    """The list of principles is not changed; a tuple is as good."""
    principles = ["kind", "honest"]
    untouched(learner.attempt("critique_revision", "Hi", respond, critique, revise, principles))
    responses = learner.critique_revision("Hi", respond, critique, revise, tuple(principles))
    agree(responses, transcript("Hi", principles))


# --- sample_principles

SEEDS = st.sampled_from([0, 1, 2, 7, 12345, 2**31])


def texts(drawn):
    """The draw as a list of texts; a tuple or an array is as good."""
    require(
        isinstance(drawn, (list, tuple, np.ndarray)),
        "the result should be a list of principles",
        returned=drawn,
    )
    return [str(text) for text in drawn]


def a_constitution(size):
    return [f"principle {i}" for i in range(1, size + 1)]


@core("sample_principles")
@given(sizes(1, 5), sizes(0, 12), SEEDS)
@example(3, 5, 0)
@example(3, 2, 0)
@example(2, 6, 1)
def test_sample_principles_uses_all_before_any_comes_again(learner, size, rounds, seed):
    """Each block of draws holds every principle once; the last one, cut short, none twice."""
    constitution = a_constitution(size)
    drawn = texts(learner.sample_principles(constitution, rounds, seed))
    require(len(drawn) == rounds, f"there should be {rounds} principles", returned=drawn)
    for start in range(0, rounds, size):
        block = drawn[start : start + size]
        once = len(set(block)) == len(block) and set(block) <= set(constitution)
        require(once, f"draws {start} to {start + len(block) - 1} repeat one", returned=drawn)


@core("sample_principles")
def test_sample_principles_depends_on_the_seed(learner):
    """Other seeds give other orders."""
    constitution = a_constitution(30)
    draws = {tuple(texts(learner.sample_principles(constitution, 30, seed))) for seed in range(4)}
    require(len(draws) == 4, "two of the seeds 0, 1, 2, 3 give the same order of 30 principles")


@extra("sample_principles", weight=3)
@given(SEEDS)
@example(0)
def test_sample_principles_repeats_with_the_seed(learner, seed):
    """The same seed gives the same draw, whatever was drawn before."""
    constitution = a_constitution(12)
    first = texts(learner.sample_principles(constitution, 30, seed))
    _ = learner.sample_principles(constitution, 5, seed + 1)
    agree(texts(learner.sample_principles(constitution, 30, seed)), first)


@extra("sample_principles", weight=3)
def test_sample_principles_is_uniform_and_independent(learner):
    """Each block is a permutation drawn uniformly, independent of the block before."""
    constitution, pairs = a_constitution(3), 400
    drawn = texts(learner.sample_principles(constitution, 6 * pairs, seed=5))
    seen = Counter(tuple(drawn[at : at + 6]) for at in range(0, len(drawn), 6))
    blocks = list(permutations(constitution))
    mean = pairs / 36
    counts = [seen[first + second] for first in blocks for second in blocks]
    chi_squared = sum((count - mean) ** 2 / mean for count in counts)
    # 35 degrees of freedom: an honest draw exceeds 117 with a probability of about 1e-10.
    require(chi_squared < 160, "over 400 pairs of blocks, some orders come far too often")


@extra("sample_principles")
def test_sample_principles_leaves_the_constitution(learner):
    """The constitution is not shuffled itself; a tuple is as good."""
    untouched(learner.attempt("sample_principles", a_constitution(12), 12, 3))
    drawn = texts(learner.sample_principles(tuple(a_constitution(3)), 3, 3))
    agree(sorted(drawn), a_constitution(3))


@extra("sample_principles")
def test_sample_principles_refuses_an_empty_constitution(learner):
    """There is nothing to draw from: ValueError."""
    rejects(learner.attempt("sample_principles", [], 2, 0))


@extra("sample_principles")
def test_sample_principles_names_the_constitution(learner):
    """The message of the ValueError names constitution."""
    rejects(learner.attempt("sample_principles", [], 2, 0), naming="constitution")


# --- build_sft_dataset


@st.composite
def transcripts(draw):
    """Prompts with responses that only ever move on: draft 0, draft 0, draft 1, ..."""
    steps = draw(st.lists(st.lists(st.booleans(), max_size=3), max_size=4))
    responses = [[f"draft {sum(moves[:k])}" for k in range(len(moves) + 1)] for moves in steps]
    return [f"prompt {draw(st.integers(1, 2))}" for _ in steps], responses


@core("build_sft_dataset")
@given(transcripts())
@example((["Hi", "Bye"], [["WHAT?", "Hello!"], ["Goodbye.", "Goodbye."]]))
@example((["1", "2", "3"], [["a"], ["a", "b", "c"], ["a", "a", "b", "b"]]))
def test_build_sft_dataset_keeps_what_was_revised(learner, given_):
    """Each prompt is paired with its last response, where the responses are not all equal."""
    expected = [
        (prompt, responses[-1])
        for prompt, responses in zip(*given_, strict=True)
        if len(set(responses)) > 1
    ]
    agree(learner.build_sft_dataset(*given_), expected)


@extra("build_sft_dataset", weight=2)
@given(st.sampled_from([["a", "b", "a"], ["a", "b", "b", "a"], ["a", "", "a"]]))
@example(["a", "b", "a"])
@example(["a", "", "a"])
def test_build_sft_dataset_keeps_what_was_changed_back(learner, responses):
    """A response that was changed and changed back is kept: its responses are not all equal."""
    agree(learner.build_sft_dataset(["Hi"], [responses]), [("Hi", "a")])


@extra("build_sft_dataset")
@given(st.sampled_from([[["a"]], [["", "", ""]], [["a", "a"]]]))
def test_build_sft_dataset_may_be_empty(learner, responses):
    """Where nothing was revised, or nothing was asked, no pair is left."""
    agree(learner.build_sft_dataset(["Hi"], responses), [])
    agree(learner.build_sft_dataset([], []), [])


@extra("build_sft_dataset")
def test_build_sft_dataset_takes_an_empty_revision(learner):
    """An empty text is a response like any other."""
    agree(learner.build_sft_dataset(["Hi", ""], [["a", ""], ["", "b"]]), [("Hi", ""), ("", "b")])


LONE = st.sampled_from([(["Hi"], []), ([], [["a", "b"]]), (["Hi", "Bye"], [["a", "b"]])])


@extra("build_sft_dataset")
@given(LONE)
@example((["Hi"], []))
@example(([], [["a", "b"]]))
def test_build_sft_dataset_refuses_unequal_lengths(learner, unequal):
    """Prompts without transcripts, or transcripts without prompts, raise ValueError."""
    rejects(learner.attempt("build_sft_dataset", *unequal))


@extra("build_sft_dataset")
def test_build_sft_dataset_names_what_is_unequal(learner):
    """The message of the ValueError names prompts or transcripts."""
    call = learner.attempt("build_sft_dataset", ["Hi", "Bye"], [["a", "b"]])
    try:
        rejects(call, naming="prompts")
    except Falsified:
        rejects(call, naming="transcripts")


@extra("build_sft_dataset")
def test_build_sft_dataset_leaves_its_input(learner):
    """The function changes neither the prompts nor the transcripts."""
    untouched(learner.attempt("build_sft_dataset", ["Hi", "Bye"], [["a", "b"], ["c", "c"]]))
