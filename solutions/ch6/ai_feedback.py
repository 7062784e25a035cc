"""Constitutional AI, phase 2: the model labels preferences itself (RLAIF)."""

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor


def ai_preference(
    prompt: str,
    response_a: str,
    response_b: str,
    judge: Callable[[str, str, str, str], float],
    principles: Sequence[str],
) -> float:
    """Probability that response A is better than B, by an AI judge free of position bias.

        p = mean over the principles of  1/2 * (j(A, B) + 1 - j(B, A))

    with j(first, second) = judge(prompt, first, second, principle), the judge's probability that
    the response it reads first is the better one. Judges tend to favour what they read first (or
    last); asking in both orders cancels that. Swapping A and B turns p into 1 - p.

    Args:
        prompt: the user's request.
        response_a: response A.
        response_b: response B.
        judge: `judge(prompt, first, second, principle)` gives a probability. Call it with
            positional arguments, once in each order for each principle; which call comes first
            doesn't matter. Its exceptions pass through.
        principles: the principles to judge by, at least one.

    Returns:
        The probability, a Python float from 0 to 1.

    Raises:
        ValueError: there are no `principles`; the message names them.

    Example:
        >>> def judge(prompt, first, second, principle):  # likes short texts, and the first
        ...     return 0.875 if len(first) < len(second) else 0.375
        >>> ai_preference("Hi", "Hello.", "Well, hello to you too.", judge, ["Be brief."])
        0.75

    Source: Bai et al. 2022; Lee et al. 2023 (both orders).
    """
    ### BEGIN SOLUTION
    if len(principles) == 0:
        raise ValueError("principles is empty: there is nothing to judge by")
    total = 0.0
    for principle in principles:
        a_first = judge(prompt, response_a, response_b, principle)
        b_first = judge(prompt, response_b, response_a, principle)
        total += 0.5 * (a_first + 1 - b_first)
    return total / len(principles)
    ### END SOLUTION


def label_preferences(
    prompts: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    judge: Callable[[str, str, str, str], float],
    principles: Sequence[str],
    threshold: float = 0.5,
) -> list[tuple[str, str, str, float]]:
    """Let the AI judge label pairs of responses, and keep the labels it is sure of.

        p = ai_preference(prompt, A, B, judge, principles)
        label (prompt, A, B, p)      if p > 1/2
              (prompt, B, A, 1 - p)  if p < 1/2
        keep the label if  max(p, 1 - p) > threshold

    The comparison is strict: at the default threshold, an even p of 1/2 is dropped.

    Args:
        prompts: the prompts, one per pair.
        pairs: the (A, B) responses to each prompt.
        judge: as in `ai_preference`.
        principles: as in `ai_preference`.
        threshold: how sure the judge must be, from 0.5 up to but not including 1.

    Returns:
        A list of tuples (prompt, chosen, rejected, p of the chosen), in the order of the prompts.

    Raises:
        ValueError: `threshold` is outside [0.5, 1); or `prompts` and `pairs` differ in length;
            or there are no `principles`. The message names the argument (one of the two
            lists where their lengths differ).

    Example:
        >>> def judge(prompt, first, second, principle):  # likes short texts, and the first
        ...     return 0.875 if len(first) < len(second) else 0.375
        >>> pairs = [("Hello.", "Well, hello to you too."), ("Good, and you?", "Fine.")]
        >>> for label in label_preferences(["Hi", "How are you?"], pairs, judge, ["Be brief."]):
        ...     print(label)
        ('Hi', 'Hello.', 'Well, hello to you too.', 0.75)
        ('How are you?', 'Fine.', 'Good, and you?', 0.75)

    Source: Bai et al. 2022; Lee et al. 2023.
    """
    ### BEGIN SOLUTION
    if not 0.5 <= threshold < 1:
        raise ValueError(f"threshold must be in [0.5, 1), not {threshold}")
    if len(prompts) != len(pairs):
        raise ValueError(f"{len(prompts)} prompts, but {len(pairs)} pairs")
    labels = []
    for prompt, (response_a, response_b) in zip(prompts, pairs, strict=True):
        p = ai_preference(prompt, response_a, response_b, judge, principles)
        if p > threshold:
            labels.append((prompt, response_a, response_b, p))
        elif 1 - p > threshold:
            labels.append((prompt, response_b, response_a, 1 - p))
    return labels
    ### END SOLUTION


def soft_preference_loss(reward_a: Tensor, reward_b: Tensor, target: Tensor) -> Tensor:
    """Bradley-Terry loss for labels that are probabilities, as an AI judge gives them.

        gap  = reward_a - reward_b
        loss = mean over the pairs of  -target * log sigmoid(gap) - (1 - target) * log sigmoid(-gap)

    For target 1 this is the ordinary loss with A chosen, for target 0 with B chosen. For a target
    in between it is smallest where sigmoid(gap) = target: the reward model learns how sure the
    judge was. It must be stable for gaps of up to 1e4 either way, value and gradient; the
    derivative of a pair's own loss with respect to its gap is sigmoid(gap) - target.

    Args:
        reward_a: rewards of the responses A, shape (B,).
        reward_b: rewards of the responses B, shape (B,).
        target: probability that A is better, in [0, 1], shape (B,); a constant.

    Returns:
        The mean loss, a scalar tensor of shape () in the dtype of the rewards, differentiable
        through both rewards. The inputs stay as they are.

    Example:
        >>> from torch import tensor
        >>> loss = soft_preference_loss(tensor([1.5]), tensor([-0.5]), target=tensor([0.75]))
        >>> round(loss.item(), 4)
        0.6269

    Source: Lee et al. 2023.
    """
    ### BEGIN SOLUTION
    gap = reward_a - reward_b
    # log(1 - sigmoid(gap)) is log sigmoid(-gap): written so, it can't underflow to log(0).
    losses = -target * F.logsigmoid(gap) - (1 - target) * F.logsigmoid(-gap)
    return losses.mean()
    ### END SOLUTION
