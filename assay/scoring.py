"""Points of a function from the properties that hold of it.

The core carries at least half of the weight and gates the rest: while one core property fails the
function earns nothing, so that constants, identities and hard-coded examples earn nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from assay.properties import Property


def weights(properties: Sequence[Property]) -> dict[str, float]:
    """Weight of each property of one function, by name.

    A core property without a weight of its own shares equally in half of the total.

    Raises:
        ValueError: there is no core, or the declared weights leave it less than half.
    """
    core = [one for one in properties if one.role == "core"]
    rest = {one.name: float(one.weight or 1) for one in properties if one.role == "extra"}
    if not core:
        raise ValueError(f"{properties[0].function if properties else '?'} has no core property")
    share = max(sum(rest.values()), 1.0) / len(core)
    cores = {one.name: share if one.weight is None else float(one.weight) for one in core}
    if sum(cores.values()) < sum(rest.values()):
        raise ValueError(f"the core of {core[0].function} carries less than half of the weight")
    return cores | rest


def points(max_points: float, properties: Sequence[Property], passed: Collection[str]) -> float:
    """Points earned: max × passed weight / total weight, 0 while the core fails, rounded to
    0.01.
    """
    weight = weights(properties)
    if any(one.role == "core" and one.name not in passed for one in properties):
        return 0.0
    share = sum(weight[name] for name in weight if name in passed) / sum(weight.values())
    return round(max_points * share, 2)
