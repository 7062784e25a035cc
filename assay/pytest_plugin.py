"""The pytest face: ``pytest exercises/ch4`` runs the visible examples, and the hidden properties
where they are.

The plugin sleeps unless pytest is pointed at a course's ``exercises`` or ``graders``; nothing
heavy is imported before that.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from assay.course import Chapter, Course
    from assay.diagnosis import Diagnosis
    from assay.learner import Learner
    from assay.properties import Property

FACE = pytest.StashKey["Face"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("assay", "exercises")
    group.addoption(
        "--submission",
        metavar="DIR",
        help="judge the modules in DIR instead of those in exercises/ (for one's own code)",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    course, paths = _course_of(config)
    if course is None:
        return
    for path in paths:
        hidden = course.root / "graders" / path.relative_to(course.root / "exercises")
        if hidden.suffix == ".py" and not hidden.name.startswith("test_"):
            continue
        if hidden.exists() and str(hidden) not in config.args:
            config.args.append(str(hidden))
    face = Face(config, course)
    config.stash[FACE] = face
    config.pluginmanager.register(face, "assay-face")


def _course_of(config: pytest.Config) -> tuple[Course | None, list[Path]]:
    """The course that the arguments point into, and those of them that lie in its exercises
    whole.
    """
    whole: list[Path] = []
    found: Course | None = None
    for arg in config.args:
        name, _, test = str(arg).partition("::")
        path = (config.invocation_params.dir / name).resolve()
        if not {"exercises", "graders"} & {path.name, *(parent.name for parent in path.parents)}:
            continue
        from assay.course import Course
        from assay.source import CourseError

        try:
            course = Course.find(path)
        except CourseError:
            continue
        if path.is_relative_to(course.root / "exercises"):
            found = course
            if not test:
                whole.append(path)
        elif path.is_relative_to(course.root / "graders"):
            found = course
    return found, whole


@pytest.fixture(scope="module")
def learner(request: pytest.FixtureRequest) -> Learner:
    """The learner's functions, as properties and visible examples see them."""
    face = request.config.stash.get(FACE, None)
    if face is None:
        pytest.fail("this test belongs to a course: run pytest on its exercises", pytrace=False)
    return face.learner(request.path.parent.name)


class Face:
    """One run of pytest over a course: who is judged, what came of it, and how that is shown."""

    def __init__(self, config: pytest.Config, course: Course) -> None:
        from hypothesis import settings

        from assay import calling
        from assay.exploration import exploring
        from assay.inprocess import watchdog

        self.config = config
        self.course = course
        self._learners: dict[str, Learner] = {}
        self._diagnoses: dict[str, Diagnosis | None] = {}
        self._misconception: dict[str, str | None] = {}
        self._halted: dict[str, str] = {}
        self._waiting: set[str] = set()
        self._seen: list[dict[str, Any]] = []
        settings.register_profile("assay", exploring(course.root / ".assay" / "examples"))
        settings.load_profile("assay")
        calling.QUITTING.append(pytest.exit.Exception)
        # log(0) and the like in learner code: the properties judge what comes of it
        config.addinivalue_line("filterwarnings", "ignore::RuntimeWarning")
        watchdog().asleep = bool(config.option.usepdb or config.option.trace)
        watchdog().last_words = self._last_words

    def learner(self, chapter_id: str) -> Learner:
        if chapter_id not in self._learners:
            import torch

            from assay.inprocess import Folder
            from assay.learner import Learner

            torch.set_num_threads(1)
            folder = self._folder(chapter_id)
            modules = self.course.chapter(chapter_id).module_of
            self._learners[chapter_id] = Learner(Folder(folder, modules))
        return self._learners[chapter_id]

    def _folder(self, chapter_id: str) -> Path:
        chosen = self.config.option.submission
        if chosen is None:
            return self.course.chapter(chapter_id).stub_dir
        folder: Path = (self.config.invocation_params.dir / chosen).resolve()
        return folder / chapter_id if (folder / chapter_id).is_dir() else folder

    # --- collecting: function by function, examples first, then the core, then the rest
    # ----------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=self._rank)

    def _rank(self, item: pytest.Item) -> tuple[Any, ...]:
        one = _property(item)
        if one is None:
            return (1,)
        chapter = self._chapter(item)
        names = [exercise.function for exercise in chapter.exercises]
        at = names.index(one.function) if one.function in names else len(names)
        return (0, chapter.number, at, ("worked", "core", "extra").index(one.role))

    def _chapter(self, item: pytest.Item) -> Chapter:
        return self.course.chapter(item.path.parent.name)

    # --- running
    # -----------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        one = _property(item)
        if one is None:
            return
        if one.function in self._halted:
            pytest.skip(self._halted[one.function])
        if one.function in self._waiting and one.role == "extra":
            pytest.skip("waits until the core of the function is right")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        one = _property(item)
        if one is None or call.when != "call":
            return report
        from assay.grading import as_falsified
        from assay.learner import Halt

        story = self._story(one, item)
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, Halt):
            story |= {"status": error.status, "note": error.sentence, "line": error.line}
            self._halted[one.function] = error.sentence
            report.longrepr = f"{one.function}: {error.sentence}"
        elif isinstance(error, Exception) and not isinstance(error, pytest.skip.Exception):
            story |= self._failure(one, item, as_falsified(error))
            report.longrepr = _as_longrepr(story)
            if one.role == "core":
                self._waiting.add(one.function)
        elif report.failed:
            return report
        story["outcome"] = report.outcome
        report.assay = story  # type: ignore[attr-defined]
        return report

    def _story(self, one: Property, item: pytest.Item) -> dict[str, Any]:
        """What the final panel needs to know of a test, as plain data: it may come from another
        process.
        """
        from assay.properties import property_of
        from assay.scoring import weights

        share = 0.0
        if one.role != "worked":
            everything = map(property_of, vars(item.module).values())  # type: ignore[attr-defined]
            own = [other for other in everything if other and other.function == one.function]
            weight = weights(own)
            share = weight[one.name] / sum(weight.values())
        return {
            "chapter": item.path.parent.name,
            "function": one.function,
            "role": one.role,
            "share": share,
            "property": one.name,
            "sentence": one.sentence,
        }

    def _failure(self, one: Property, item: pytest.Item, error: Any) -> dict[str, Any]:
        import msgspec

        from assay.grading import described
        from assay.learner import CallFailed

        chapter = item.path.parent.name
        failure = described(one, error, self.learner(chapter).calls)
        story = msgspec.to_builtins(failure) | {"raised": isinstance(error, CallFailed)}
        if one.role != "worked":
            story["misconception"] = self._diagnose(one.function, item)
        return dict(story)

    def _diagnose(self, function: str, item: pytest.Item) -> str | None:
        if function not in self._misconception:
            from assay.grader import diagnosis_of

            chapter = self._chapter(item)
            if chapter.id not in self._diagnoses:
                self._diagnoses[chapter.id] = diagnosis_of(chapter)
            diagnosis = self._diagnoses[chapter.id]
            backend = self.learner(chapter.id).backend
            known = diagnosis.of(function, backend) if diagnosis is not None else None
            self._misconception[function] = known.sentence if known is not None else None
        return self._misconception[function]

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, call: pytest.CallInfo[Any]) -> None:
        """Let a debugger open in the learner's frame, where the learner's code raised."""
        error = call.excinfo.value if call.excinfo is not None else None
        inner = getattr(getattr(getattr(error, "call", None), "raised", None), "exception", None)
        if isinstance(inner, BaseException):
            call.excinfo = pytest.ExceptionInfo.from_exception(inner)

    # --- showing
    # -----------------------------------------------------------------------------------------

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, Any] | None:
        story = getattr(report, "assay", None)
        if story is None or report.when != "call" or not report.failed:
            return None
        if story.get("status") == "not_started":
            return "not started", "-", ("NOT STARTED", {"yellow": True})
        return "not right yet", "x", ("NOT RIGHT YET", {"red": True})

    def pytest_runtest_logreport(self, report: Any) -> None:
        story = getattr(report, "assay", None)
        if story is not None and report.when == "call":
            self._seen.append(story | {"duration": report.duration})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if hasattr(self.config, "workerinput"):
            return
        from assay import panel
        from assay.tally import results

        width = min(max(terminalreporter._tw.fullwidth, 40), 100)
        color = bool(terminalreporter._tw.hasmarkup)
        quiet = self.config.option.verbose < 0
        for tally in results(self.course, self._seen):
            chapter = self.course.chapter(tally.result.chapter)
            chapter = chapter.located_in(self._folder(chapter.id))
            lines = list(
                panel.failures(
                    tally.result, chapter, width=width, every=self.config.option.verbose > 0
                )
            )
            if not quiet or not tally.complete:
                lines += panel.score(tally.result, chapter, points=tally.complete)
            else:
                lines += [list(panel.score(tally.result, chapter))[-1]]
            lines += panel.following(tally.result, chapter, width=width)
            terminalreporter.write(panel.as_text(lines, color=color, width=width))

    def _last_words(self) -> None:
        """Show what is known before the watchdog ends the process."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        capture = self.config.pluginmanager.get_plugin("capturemanager")
        if capture is not None:
            capture.suspend_global_capture(in_=True)
        if reporter is not None:
            self.pytest_terminal_summary(reporter)
            reporter._tw.flush()


def _property(item: pytest.Item) -> Property | None:
    found: Property | None = getattr(getattr(item, "obj", None), "assay_property", None)
    return found


def _as_longrepr(story: dict[str, Any]) -> str:
    """The failure as plain text, for JUnit files and test explorers."""
    parts: Iterable[str | None] = (
        story["sentence"],
        story["counterexample"],
        story["reason"],
        story["misconception"] and f"Perhaps: {story['misconception']}",
        story["trace"],
    )
    return "\n".join(part for part in parts if part)
