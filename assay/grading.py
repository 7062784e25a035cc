"""From properties and a learner to verdicts: the one place where a property is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from hypothesis.errors import Flaky

from assay.course import Chapter
from assay.diagnosis import Diagnosis
from assay.learner import Backend, Call, CallFailed, Falsified, Halt, Learner
from assay.properties import Property
from assay.rendering import show, show_call
from assay.result import Failure, FunctionResult, Result, Status, import_notes
from assay.scoring import points


@dataclass(frozen=True)
class Verdict:
    """What came of running one property: it holds, it fails, or the function can't be judged."""

    failure: Failure | None = None
    halt: Halt | None = None
    raised: bool = False

    @property
    def holds(self) -> bool:
        return self.failure is None and self.halt is None


def judge(one: Property, learner: Learner) -> Verdict:
    """Run one property against the learner's function; whatever comes out becomes a verdict."""
    try:
        one.test(learner)
    except Halt as halt:
        return Verdict(halt=halt)
    except Exception as exception:
        falsified = as_falsified(exception)
        failure = described(one, falsified, learner.calls)
        return Verdict(failure=failure, raised=isinstance(falsified, CallFailed))
    return Verdict()


def as_falsified(exception: Exception) -> Falsified:
    """What an exception out of a property says of the learner's function.

    A property may stumble over an answer of an unexpected kind before it can judge it. (That no
    property stumbles by itself is what ``assay prove`` shows.)
    """
    if isinstance(exception, Falsified):
        return exception
    if isinstance(exception, Flaky):
        return Falsified(
            "asked the same thing twice, the function answered differently: its answer must not "
            "depend on chance, time or earlier calls"
        )
    return Falsified(
        "the property can't work with what the function returned "
        f"({type(exception).__name__}: {exception})"
    )


def described(one: Property, falsified: Falsified, calls: Sequence[Call]) -> Failure:
    """The failure as a learner reads it, with the calls of the smallest example."""
    lines = []
    for call in calls:
        if call.reply.raised is not None:
            outcome = f"raised {call.reply.raised.kind}"
        elif call.request.wrt:
            gradients = call.reply.gradients
            outcome = f"had the gradient {show(gradients[0] if len(gradients) == 1 else gradients)}"
        else:
            outcome = f"returned {show(call.reply.value)}"
        lines.append(f"{show_call(call.request)} {outcome}")
    if len(lines) > 4:
        lines = [*lines[:3], f"… and {len(lines) - 3} more calls"]
    if falsified.expected is not None:
        lines.append(f"expected {show(falsified.expected)}")
    raised = falsified.call.raised if isinstance(falsified, CallFailed) else None
    return Failure(
        property=one.name,
        sentence=one.sentence,
        reason=falsified.reason,
        counterexample="\n".join(lines),
        line=raised.line if raised is not None else None,
        trace=raised.trace if raised is not None else "",
    )


def check(
    function: str,
    max_points: float,
    properties: Sequence[Property],
    learner: Learner,
    diagnosis: Diagnosis | None = None,
) -> FunctionResult:
    """Judge one function by its properties, the core first.

    While the core fails the others earn nothing and aren't run. After a second time-out or crash
    the remaining ones count as failed.
    """
    started = time.perf_counter()
    passed: list[str] = []
    failures: list[Failure] = []
    halted: list[Halt] = []
    status = Status.PASSED
    for one in sorted(properties, key=lambda one: one.role != "core"):
        verdict = judge(one, learner)
        if verdict.holds:
            passed.append(one.name)
            continue
        if verdict.halt is not None:
            halted.append(verdict.halt)
            status = Status(verdict.halt.status)
            if one.role == "core" or len(halted) > 1:
                break
            failures.append(Failure(one.name, one.sentence, verdict.halt.sentence))
            continue
        assert verdict.failure is not None
        failures.append(verdict.failure)
        if one.role == "core":
            status = Status.ERROR if verdict.raised else Status.FAILED
            break
        if not halted:
            status = Status.PARTLY
    if halted and not failures and status in (Status.TIMED_OUT, Status.ERROR):
        failures.append(Failure("", "", halted[0].sentence, line=halted[0].line))
    if failures and diagnosis is not None and not halted:
        known = diagnosis.of(function, learner.backend)
        if known is not None:
            failures = [replace(failure, misconception=known.sentence) for failure in failures]
    return FunctionResult(
        points=points(max_points, properties, passed),
        max_points=max_points,
        status=status,
        failures=tuple(failures),
        passed=tuple(passed),
        seconds=time.perf_counter() - started,
        note=halted[0].sentence if halted else "",
    )


def grade(
    submission: str,
    chapter: Chapter,
    properties: Sequence[Property],
    backend_for: Callable[[str], Backend],
    diagnosis: Diagnosis | None = None,
    functions: Sequence[str] = (),
) -> Result:
    """Grade one submission of a chapter.

    Args:
        submission: its name in the result.
        chapter: what is asked.
        properties: the hidden properties of the chapter.
        backend_for: gives the backend for a function, by name.
        diagnosis: names misconceptions; None leaves that out.
        functions: only these; all of the chapter by default.
    """
    torch.set_num_threads(1)
    started = time.perf_counter()
    results = {}
    for exercise in chapter.exercises:
        if functions and exercise.function not in functions:
            continue
        own = [one for one in properties if one.function == exercise.function]
        learner = Learner(backend_for(exercise.function))
        results[exercise.function] = check(
            exercise.function, exercise.points, own, learner, diagnosis
        )
    return Result(
        submission,
        chapter.id,
        results,
        import_notes(results.values()),
        seconds=time.perf_counter() - started,
    )
