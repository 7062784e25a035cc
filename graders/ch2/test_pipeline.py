"""What is true of the RLHF pipeline, whichever stages are plugged in."""

from hypothesis import example, given
from hypothesis import strategies as st

from assay.judging import agree, passes_through, require, untouched
from assay.properties import core, extra


def sft(model, demonstrations):
    return ["sft", model, demonstrations]


def fit_reward(model, preferences):
    return ["reward", model, preferences]


def ppo(start, reference, reward, prompts):
    return ["ppo", start, reference, reward, prompts]


STAGES = sft, fit_reward, ppo
DATA = "base", "demonstrations", "preferences", "prompts"
#: Any data at all, also data that counts as false.
THINGS = st.one_of(
    st.integers(0, 3), st.sampled_from(["", "text"]), st.lists(st.just(1), max_size=2)
)


def story(base, demonstrations, preferences, prompts):
    """Which stage is called with what, and the result."""
    policy = sft(base, demonstrations)
    reward = fit_reward(policy, preferences)
    calls = [
        ("sft", (base, demonstrations)),
        ("fit_reward", (policy, preferences)),
        ("ppo", (policy, policy, reward, prompts)),
    ]
    return calls, ppo(policy, policy, reward, prompts)


# --- rlhf_pipeline


@core("rlhf_pipeline")
@given(st.tuples(THINGS, THINGS, THINGS, THINGS))
@example(DATA)
def test_rlhf_pipeline_hands_each_result_on(learner, data):
    """PPO gets the SFT model twice, as start and as reference, then the reward and the prompts."""
    _, result = story(*data)
    agree(learner.rlhf_pipeline(*data, *STAGES), result)


@extra("rlhf_pipeline", weight=2)
@given(st.tuples(THINGS, THINGS, THINGS, THINGS))
@example(DATA)
def test_rlhf_pipeline_runs_each_stage_once(learner, data):
    """Each stage runs exactly once: SFT, then the reward model, then PPO."""
    call = learner.attempt("rlhf_pipeline", *data, *STAGES)
    calls, result = story(*data)
    agree(call.value, result)
    agree([(one.model, one.args) for one in call.models], calls)


@extra("rlhf_pipeline", weight=2)
@given(st.sampled_from([0, 0.0, "", [], False]))
def test_rlhf_pipeline_takes_a_falsy_model_for_a_model(learner, falsy):
    """A model or a reward that counts as false is handed on like any other."""

    def empty_model(model, data):
        return falsy

    agree(
        learner.rlhf_pipeline(*DATA, empty_model, fit_reward, ppo),
        ppo(falsy, falsy, fit_reward(falsy, DATA[2]), DATA[3]),
    )
    policy = sft(*DATA[:2])
    agree(learner.rlhf_pipeline(*DATA, sft, empty_model, ppo), ppo(policy, policy, falsy, DATA[3]))


@extra("rlhf_pipeline")
@given(st.sampled_from([0, "", [], False, 7]))
def test_rlhf_pipeline_returns_what_ppo_returns(learner, answer):
    """The result is PPO's, whatever it is."""

    def optimise(start, reference, reward, prompts):
        return answer

    agree(learner.rlhf_pipeline(*DATA, sft, fit_reward, optimise), answer)


def fails_at(stage: int):
    """The stages, one of which breaks down."""

    def broken(*args):
        raise RuntimeError("out of memory")

    return [broken if at == stage else one for at, one in enumerate(STAGES)]


@extra("rlhf_pipeline")
@given(st.sampled_from([0, 1, 2]))
def test_rlhf_pipeline_lets_exceptions_through(learner, stage):
    """An exception of a stage comes out unchanged."""
    passes_through(learner.attempt("rlhf_pipeline", *DATA, *fails_at(stage)))


@extra("rlhf_pipeline")
@given(st.sampled_from([0, 1]))
def test_rlhf_pipeline_stops_at_an_exception(learner, stage):
    """After an exception no later stage runs."""
    call = learner.attempt("rlhf_pipeline", *DATA, *fails_at(stage))
    names = [one.model for one in call.models]
    require(
        names == ["sft", "fit_reward"][:stage],
        "a stage ran after another had failed",
        returned=names,
    )


@extra("rlhf_pipeline")
def test_rlhf_pipeline_leaves_its_input(learner):
    """The function changes neither the data nor the models that the stages hand out."""
    data = [0.5], [["q", "a"]], [["q", "a", "b"]], ["q"]
    untouched(learner.attempt("rlhf_pipeline", *data, *STAGES))
