"""``assay doctor``: what this machine offers, by trying it, and how to get what is missing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

HELP = "what this machine offers, and what to do about what is missing"


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


@dataclass(frozen=True)
class Finding:
    """One thing that was tried: whether it works, what was seen, and what to do if it doesn't.

    Attributes:
        needed: learners can't do without it.
    """

    name: str
    works: bool
    seen: str
    advice: str = ""
    needed: bool = False


def run(args: argparse.Namespace) -> int:
    import textwrap

    findings = [*_versions(), _course(args), *_tensors(), *_sandbox()]
    for finding in findings:
        word = "ok" if finding.works else "missing" if finding.needed else "not here"
        print(f"{word:<9} {finding.name:<12} {finding.seen}")
        if not finding.works and finding.advice:
            indent = " " * 10 + "-> "
            print(
                textwrap.fill(finding.advice, 79, initial_indent=indent, subsequent_indent=indent)
            )
    return 0 if all(one.works or not one.needed for one in findings) else 1


def _versions() -> Iterator[Finding]:
    import platform
    import sys
    from importlib.metadata import PackageNotFoundError, version

    recent = sys.version_info >= (3, 11)
    yield Finding("python", recent, platform.python_version(), "install 3.11 or newer", needed=True)
    packages = {
        "torch": "pip install -c constraints.txt -e .",
        "numpy": "pip install -c constraints.txt -e .",
        "pytest": "pip install -c constraints.txt -e .",
        "hypothesis": "pip install -c constraints.txt -e .",
        "matplotlib": "pip install -c constraints.txt -e .",
        "nbgrader": "for classes: pip install -c constraints.txt -e '.[instructor]'",
        "sqlalchemy": "for classes: pip install -c constraints.txt -e '.[instructor]'",
        "sphinx": "for the book: pip install -c constraints.txt -e '.[book]'",
    }
    for name, advice in packages.items():
        needed = not advice.startswith("for ")
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, False, "is not installed", advice, needed)


def _course(args: argparse.Namespace) -> Finding:
    from assay.course import Course
    from assay.source import CourseError

    try:
        course = Course.find(args.course)
        seen = f"{len(course.chapters)} chapters, {sum(1 for _ in course)} exercises"
    except CourseError as error:
        return Finding("course", False, str(error), "run this in the course's folder", needed=True)
    hidden = any(chapter.grader_dir.is_dir() for chapter in course.chapters)
    extent = "with hidden properties" if hidden else "visible examples only"
    return Finding("course", True, f"{seen}, {extent}")


def _tensors() -> Iterator[Finding]:
    """A gradient through a tiny tensor, in this process and in a forked one."""
    import os

    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)

    def differentiate() -> bool:
        x = torch.ones(2, requires_grad=True)
        (gradient,) = torch.autograd.grad((x * x).sum(), x)
        return bool((gradient == 2).all())

    works = differentiate()
    yield Finding("gradients", works, "torch differentiates", "reinstall torch", needed=True)
    if not hasattr(os, "fork"):
        advice = "assay watch checks without a process of its own"
        yield Finding("fork", False, "this system can't fork", advice)
        return
    child = os.fork()
    if child == 0:
        os._exit(0 if differentiate() else 1)
    _, status = os.waitpid(child, 0)
    yield Finding("fork", status == 0, "torch works in a forked process")


def _sandbox() -> Iterator[Finding]:
    """A worker behind the wall, which says what it can see from there."""
    from assay.calling import Request
    from assay.learner import Halt
    from assay.sandbox import bubblewrap
    from assay.sandbox.backend import Isolated, Workshop

    why = bubblewrap.problem()
    if why is not None:
        yield Finding("sandbox", False, "grading others' code is not possible here", why)
        return
    with Workshop() as workshop:
        yield Finding("sandbox", True, "bubblewrap starts an isolated process")
        start = "workers are forked from a warm process" if workshop.warm else "every worker is new"
        advice = "user namespaces inside the sandbox are forbidden here; grading is slower"
        yield Finding("warm start", workshop.warm, start, advice)
        modules = dict.fromkeys(PROBES, "probe")
        source = "\n\n".join(code for code, _, _ in PROBES.values()).encode()
        with Isolated(workshop, {"probe.py": source}, modules) as backend:
            for name, (_, seen, advice) in PROBES.items():
                try:
                    held = backend.perform(Request(name)).value is True
                except Halt:
                    held = False
                yield Finding(name, held, seen, advice)


#: What is tried from inside: a function that returns True where the layer holds.
PROBES = {
    "network": (
        """def network():
    import socket
    try:
        socket.create_connection(("192.0.2.1", 80), 0.2).close()
    except OSError:
        return True""",
        "no way out from inside",
        "the network namespace is missing",
    ),
    "files": (
        """def files():
    import os
    hidden = not any(map(os.path.exists, ("/etc/passwd", "/var/lib", "/srv")))
    return hidden and len(os.listdir("/scratch")) == 1""",
        "only the interpreter and the submission are visible",
        "the mount namespace shows more than it should",
    ),
    "processes": (
        """def processes():
    import os
    return [name for name in os.listdir("/proc") if name.isdigit()] in ([], [str(os.getpid())])""",
        "no other process is visible",
        "the pid namespace is missing",
    ),
    "privileges": (
        """def privileges():
    import os
    try:
        os.setuid(0)
    except OSError:
        return os.getuid() != 0""",
        "root is given up for good",
        "the sandboxed process runs as root",
    ),
    "limits": (
        """def limits():
    import resource
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)
    return all(resource.getrlimit(kind)[1] != resource.RLIM_INFINITY for kind in kinds)""",
        "memory, processes, files and CPU time are limited",
        "resource limits can't be set here",
    ),
    "seccomp": (
        """def seccomp():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(0) != 0 and ctypes.get_errno() == 1""",
        "system calls that no exercise needs are forbidden",
        "install it with: pip install -c constraints.txt -e '.[instructor]'",
    ),
}
