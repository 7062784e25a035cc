"""Inputs for properties: hypothesis strategies whose values are easy on a learner's eye.

Numbers are multiples of 1/8, which float32 and float64 hold exactly, so that a counterexample reads
``tensor([0.5, -1.25])`` and can be checked by hand. Everything is float64 unless a property
converts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Tensor


def numbers(low: float = -3.0, high: float = 3.0) -> SearchStrategy[float]:
    """Multiples of 1/8 in [low, high]; simplest is the one nearest 0."""
    return st.integers(round(low * 8), round(high * 8)).map(lambda n: n / 8)


def sizes(low: int = 1, high: int = 4) -> SearchStrategy[int]:
    """A batch size or a length, 1 among them."""
    return st.integers(low, high)


@st.composite
def arrays(draw: Any, *shape: Any, low: float = -3.0, high: float = 3.0) -> np.ndarray:
    """A float64 array; each entry of ``shape`` is a number or a strategy for one."""
    sizes_ = tuple(draw(n) if isinstance(n, SearchStrategy) else n for n in shape)
    count = int(np.prod(sizes_)) if sizes_ else 1
    entries = draw(st.lists(numbers(low, high), min_size=count, max_size=count))
    array: np.ndarray = np.array(entries, dtype=np.float64).reshape(sizes_)
    return array


def tensors(*shape: Any, low: float = -3.0, high: float = 3.0) -> SearchStrategy[Tensor]:
    """A float64 tensor; each entry of ``shape`` is a number or a strategy for one."""
    return arrays(*shape, low=low, high=high).map(torch.from_numpy)


@st.composite
def batches(
    draw: Any, count: int, *shape: Any, low: float = -3.0, high: float = 3.0
) -> tuple[Tensor, ...]:
    """``count`` tensors of one common shape, (1,) to (4,) by default."""
    sizes_ = tuple(draw(n) if isinstance(n, SearchStrategy) else n for n in shape or (sizes(),))
    return tuple(draw(tensors(*sizes_, low=low, high=high)) for _ in range(count))


@st.composite
def masks(draw: Any, *shape: Any, at_least: int = 0) -> Tensor:
    """A boolean tensor with at least so many True entries in all."""
    sizes_ = tuple(draw(n) if isinstance(n, SearchStrategy) else n for n in shape)
    count = int(np.prod(sizes_))
    entries = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    for at in range(count):
        if sum(entries) >= at_least:
            break
        entries[at] = True
    return torch.tensor(entries, dtype=torch.bool).reshape(sizes_)


@st.composite
def distributions(draw: Any, size: Any, *, zeros: bool = False) -> np.ndarray:
    """A probability vector: whole numbers over their sum; with ``zeros`` some entries may be 0."""
    count = draw(size) if isinstance(size, SearchStrategy) else size
    least = 0 if zeros else 1
    counts = draw(st.lists(st.integers(least, 8), min_size=count, max_size=count))
    if sum(counts) == 0:
        counts[0] = 1
    weights: np.ndarray = np.array(counts, dtype=np.float64)
    weights /= weights.sum()
    return weights
