"""The ``assay`` command line."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from assay import __version__, commands
from assay.source import CourseError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Bad input is one sentence and status 2."""
    parser = argparse.ArgumentParser(
        prog="assay", description="Find out by test what your code is really made of."
    )
    parser.add_argument("--version", action="version", version=f"assay {__version__}")
    parser.add_argument(
        "--course", type=Path, default=Path(), metavar="DIR", help="the course, or a folder in it"
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for info in pkgutil.iter_modules(commands.__path__):
        command = importlib.import_module(f"assay.commands.{info.name}")
        subparser = subparsers.add_parser(
            info.name.replace("_", "-"), help=command.HELP, description=command.HELP
        )
        command.arguments(subparser)
        subparser.set_defaults(run=command.run)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except CourseError as error:
        print(f"assay: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("assay: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
