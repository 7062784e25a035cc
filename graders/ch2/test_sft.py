"""What is true of supervised fine-tuning; every definition is written afresh here."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, tensor

from assay.draws import masks, sizes, tensors
from assay.judging import agree, finite, keeps_dtype, rejects, untouched
from assay.properties import core, extra

INF, NAN = math.inf, math.nan


def f64(values: list) -> Tensor:
    return tensor(values, dtype=torch.float64)


def log_softmax(scores: list[float]) -> list[float]:
    log_sum = math.log(math.fsum(math.exp(score) for score in scores))
    return [score - log_sum for score in scores]


@st.composite
def texts(draw, length=None):
    """Logits (B, T, V) and tokens (B, T), with T from 2 up."""
    shape = draw(sizes(1, 3)), draw(sizes(2, 4)), draw(sizes(2, 3))
    logits, words = draw(tensors(*shape)), st.integers(0, shape[2] - 1)
    tokens = draw(st.lists(words, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return logits, tensor(tokens).reshape(shape[:2])


def scored(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability of each token but the first: (B, T - 1)."""
    rows = zip(logits.tolist(), tokens.tolist(), strict=True)
    return f64(
        [
            [log_softmax(scores[t])[words[t + 1]] for t in range(len(words) - 1)]
            for scores, words in rows
        ]
    )


#: Two texts of four tokens, of three words; no two predictions are alike.
LOGITS = f64(
    [
        [[0.0, 1.0, 2.0], [1.5, 0.0, -1.0], [0.5, -0.5, 0.0], [3.0, 0.0, 1.0]],
        [[-1.0, 0.25, 0.5], [0.0, 2.0, 1.0], [1.0, 0.0, 0.75], [0.0, 0.0, -2.0]],
    ]
)
TOKENS = tensor([[0, 2, 1, 0], [2, 1, 1, 0]])
#: Three tokens of the first text are asked for, and one of the second.
ASKED = tensor([[False, True, True, True], [False, False, False, True]])


# --- token_logprobs


@core("token_logprobs")
@given(texts())
@example((LOGITS, TOKENS))
@example((LOGITS[:1], TOKENS[:1]))
def test_token_logprobs_predicts_the_next_token(learner, text):
    """Position t scores token t + 1 by its log-softmax: T tokens make T - 1 log-probabilities."""
    agree(learner.token_logprobs(*text), scored(*text))


@extra("token_logprobs")
def test_token_logprobs_is_a_distribution_over_next_tokens(learner):
    """Over all words that could come next, the probabilities sum to 1 at every position."""
    words = (torch.full_like(TOKENS, word) for word in range(3))
    total = sum(learner.token_logprobs(LOGITS, word).exp() for word in words)
    agree(total, torch.ones(2, 3, dtype=torch.float64))


@extra("token_logprobs", weight=2)
@given(st.sampled_from([1e4, -1e4]))
def test_token_logprobs_is_stable(learner, size):
    """Gaps of ±1e4 between logits, and constants added to them, leave value and gradient finite."""
    logits = f64([[[0.0, size], [size, size + 1.0], [0.0, 0.0]]])
    rest = log_softmax([0.0, 1.0])[1]
    agree(
        learner.token_logprobs(logits, tensor([[0, 0, 1]])),
        f64([[-max(size, 0.0), rest]]),
        scale=1e4,
    )
    finite(learner.gradient("token_logprobs", logits, tensor([[0, 0, 1]]), wrt=0))


@extra("token_logprobs", weight=2)
def test_token_logprobs_teaches_the_logits(learner):
    """The gradient by the logits is onehot - softmax at every prediction, and 0 at the last row."""
    expected = -torch.softmax(LOGITS, -1)
    expected[:, :-1] += torch.nn.functional.one_hot(TOKENS[:, 1:], 3)
    expected[:, -1] = 0.0
    agree(learner.gradient("token_logprobs", LOGITS, TOKENS, wrt=0), expected)


@extra("token_logprobs")
@given(st.sampled_from([NAN, INF]))
def test_token_logprobs_never_uses_the_ends(learner, garbage):
    """Whatever stands in the last logits and in the first token changes nothing."""
    logits, tokens = LOGITS.clone(), TOKENS.clone()
    logits[:, -1], tokens[:, 0] = garbage, 1
    agree(learner.token_logprobs(logits, tokens), scored(LOGITS, TOKENS))


@extra("token_logprobs")
def test_token_logprobs_of_a_single_token(learner):
    """A text of one token has no prediction: the result has shape (B, 0)."""
    agree(learner.token_logprobs(LOGITS[:, :1], TOKENS[:, :1]), LOGITS.new_zeros(2, 0))


@extra("token_logprobs")
def test_token_logprobs_keeps_float32(learner):
    """float32 logits give float32 log-probabilities."""
    keeps_dtype(learner.token_logprobs(LOGITS.float(), TOKENS), torch.float32)


@extra("token_logprobs")
def test_token_logprobs_leaves_its_input(learner):
    """The function changes neither the logits nor the tokens."""
    untouched(learner.attempt("token_logprobs", LOGITS, TOKENS))


# --- response_mask


@st.composite
def lengths(draw):
    """Prompt lengths, total lengths and a width that fits them."""
    rows = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4))
    prompts = [prompt for prompt, _ in rows]
    totals = [prompt + response for prompt, response in rows]
    return tensor(prompts), tensor(totals), max(1, *totals) + draw(st.integers(0, 2))


@core("response_mask")
@given(lengths())
@example((tensor([2, 1, 0]), tensor([4, 2, 5]), 6))
@example((tensor([1]), tensor([3]), 3))
@example((tensor([2, 1]), tensor([2, 3]), 4))
def test_response_mask_marks_the_response(learner, rows):
    """Position t is marked exactly where prompt <= t < total."""
    prompts, totals, width = rows
    pairs = zip(prompts.tolist(), totals.tolist(), strict=True)
    expected = [[t in range(prompt, total) for t in range(width)] for prompt, total in pairs]
    agree(learner.response_mask(*rows), tensor(expected))


@extra("response_mask")
@given(lengths())
@example((tensor([2, 1]), tensor([2, 3]), 4))
def test_response_mask_counts_the_response_tokens(learner, rows):
    """Each row marks total - prompt positions: none for an empty response."""
    prompts, totals, _ = rows
    mask = learner.response_mask(*rows)
    agree(mask.bool().sum(dim=1), totals - prompts)


@extra("response_mask")
def test_response_mask_is_boolean(learner):
    """The mask has dtype bool."""
    keeps_dtype(learner.response_mask(tensor([1]), tensor([2]), 3), torch.bool)


@extra("response_mask")
@given(st.sampled_from([([3], [2]), ([1, 4], [3, 3]), ([4, 1], [3, 3])]))
def test_response_mask_refuses_a_prompt_longer_than_the_total(learner, rows):
    """A prompt longer than its total, in any row, raises ValueError."""
    rejects(learner.attempt("response_mask", *map(tensor, rows), 4))


@extra("response_mask")
@given(st.sampled_from([([1], [5]), ([1, 1], [3, 5]), ([1, 1], [5, 3])]))
def test_response_mask_refuses_a_total_that_does_not_fit(learner, rows):
    """A total larger than max_length, in any row, raises ValueError."""
    rejects(learner.attempt("response_mask", *map(tensor, rows), 4))


@extra("response_mask")
def test_response_mask_names_the_bad_argument(learner):
    """The message of the ValueError names one of the two arguments that don't fit each other."""
    call = learner.attempt("response_mask", tensor([3]), tensor([2]), 4)
    rejects(call, naming=("prompt_lengths", "total_lengths"))
    call = learner.attempt("response_mask", tensor([1]), tensor([5]), 4)
    rejects(call, naming=("total_lengths", "max_length"))


@extra("response_mask")
def test_response_mask_leaves_its_input(learner):
    """The function changes neither tensor of lengths."""
    untouched(learner.attempt("response_mask", tensor([1, 2]), tensor([2, 2]), 3))


# --- sft_loss


@st.composite
def lessons(draw):
    """Logits, tokens and a mask that asks for at least one token."""
    logits, tokens = draw(texts())
    mask = draw(masks(*tokens.shape))
    mask[0, -1] = True
    return logits, tokens, mask


def surprise(logits: Tensor, tokens: Tensor, mask: Tensor) -> float:
    """Mean of -log p over the asked tokens of the batch."""
    cells = zip(scored(logits, tokens).ravel(), mask[:, 1:].ravel().tolist(), strict=True)
    asked = [-float(logp) for logp, asked in cells if asked]
    return math.fsum(asked) / len(asked)


@core("sft_loss")
@given(lessons())
@example((LOGITS, TOKENS, ASKED))
@example((LOGITS[1:], TOKENS[1:], ASKED[1:]))
def test_sft_loss_is_the_mean_surprise(learner, lesson):
    """The loss is the mean of -log-prob over all marked tokens, first tokens left aside."""
    agree(learner.sft_loss(*lesson), f64(surprise(*lesson)))


@extra("sft_loss", weight=2)
def test_sft_loss_weighs_every_token_alike(learner):
    """A token counts the same in a long and a short response; a row without any adds nothing."""
    logits, tokens = torch.cat([LOGITS, LOGITS[:1]]), torch.cat([TOKENS, TOKENS[:1]])
    mask = torch.cat([ASKED, torch.zeros(1, 4, dtype=torch.bool)])
    agree(learner.sft_loss(logits, tokens, mask), f64(surprise(LOGITS, TOKENS, ASKED)))


@extra("sft_loss", weight=2)
@given(st.sampled_from([NAN, INF, -INF]))
def test_sft_loss_ignores_what_the_mask_hides(learner, garbage):
    """Tokens of -100 and logits of inf or nan, where nothing is asked, influence nothing."""
    logits, tokens = LOGITS.clone(), TOKENS.clone()
    logits[1, :2], logits[:, -1] = garbage, garbage
    tokens[~ASKED] = -100
    agree(learner.sft_loss(logits, tokens, ASKED), f64(surprise(LOGITS, TOKENS, ASKED)))
    agree(learner.gradient("sft_loss", logits, tokens, ASKED, wrt=0), lesson_gradient())


def lesson_gradient() -> Tensor:
    """(softmax - onehot) / N where a token is asked for, 0 elsewhere."""
    expected = torch.softmax(LOGITS, -1)
    expected[:, :-1] -= torch.nn.functional.one_hot(TOKENS[:, 1:], 3)
    expected[:, -1] = 0.0
    expected[:, :-1][~ASKED[:, 1:]] = 0.0
    return expected / 4


@extra("sft_loss", weight=2)
def test_sft_loss_teaches_only_the_asked_predictions(learner):
    """The gradient is (softmax - onehot) / N where a token is asked for, exactly 0 elsewhere."""
    gradient = learner.gradient("sft_loss", LOGITS, TOKENS, ASKED, wrt=0)
    agree(gradient, lesson_gradient())


@extra("sft_loss")
def test_sft_loss_never_asks_for_the_first_token(learner):
    """loss_mask[:, 0] changes nothing: no position predicts the first token."""
    mask = ASKED.clone()
    mask[:, 0] = True
    agree(learner.sft_loss(LOGITS, TOKENS, mask), f64(surprise(LOGITS, TOKENS, ASKED)))


@extra("sft_loss", weight=2)
def test_sft_loss_of_nothing_is_zero(learner):
    """An empty mask gives 0, not 0/0, and a gradient of zeros; so does T = 1."""
    nothing = torch.zeros_like(ASKED)
    agree(learner.sft_loss(LOGITS, TOKENS, nothing), f64(0.0))
    gradient = learner.gradient("sft_loss", LOGITS, TOKENS, nothing, wrt=0)
    agree(gradient, torch.zeros_like(LOGITS))
    agree(learner.sft_loss(LOGITS[:, :1], TOKENS[:, :1], ASKED[:, :1]), f64(0.0))


@extra("sft_loss")
@given(st.sampled_from([1e4, -1e4]))
def test_sft_loss_is_stable(learner, size):
    """A gap of ±1e4 between logits costs 1e4 or nothing, and the gradient stays finite."""
    lesson = f64([[[0.0, size], [0.0, 0.0]]]), tensor([[0, 0]]), tensor([[False, True]])
    agree(learner.sft_loss(*lesson), f64(max(size, 0.0)))
    finite(learner.gradient("sft_loss", *lesson, wrt=0))


@extra("sft_loss")
@given(st.sampled_from([torch.int64, torch.float64, torch.float32]))
def test_sft_loss_takes_any_kind_of_mask(learner, kind):
    """A mask may be boolean or hold 0 and 1."""
    loss = learner.sft_loss(LOGITS, TOKENS, ASKED.to(kind))
    agree(loss, f64(surprise(LOGITS, TOKENS, ASKED)))


@extra("sft_loss")
def test_sft_loss_keeps_float32(learner):
    """float32 logits give a float32 loss."""
    keeps_dtype(learner.sft_loss(LOGITS.float(), TOKENS, ASKED), torch.float32)


@extra("sft_loss")
def test_sft_loss_leaves_its_input(learner):
    """The function changes none of its arguments, masked tokens included."""
    untouched(learner.attempt("sft_loss", LOGITS, TOKENS.masked_fill(~ASKED, -100), ASKED))
