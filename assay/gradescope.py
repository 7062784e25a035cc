"""The autograder for Gradescope: one zip with the engine, the chapter and what grades it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from assay.course import Chapter
from assay.source import CourseError

SETUP = """\
#!/usr/bin/env bash
# Run once, when Gradescope builds the image.
set -eu
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \\
  bubblewrap python3 python3-venv
python3 -m venv /autograder/venv
cd /autograder/source
/autograder/venv/bin/pip install --quiet -c constraints.txt -e '.[instructor]'
chmod -R go-rwx /autograder/source
"""

RUN = """\
#!/usr/bin/env bash
# Run for each submission. A result that can't be had is said in results.json, never a zero.
set -u
cd /autograder/source
mkdir -p /autograder/results
work=$(mktemp -d)
if /autograder/venv/bin/assay grade {chapter} /autograder/submission --json "$work/results.json" \\
     --db "$work/runs.db" --workers 1{unsafe} >"$work/log" 2>&1 &&
   /autograder/venv/bin/assay report {chapter} "$work/report" --json "$work/results.json" \\
     --reveal {reveal} >>"$work/log" 2>&1
then
  cp "$work"/report/gradescope/*.json /autograder/results/results.json
else
  cat "$work/log"
  echo '{{"output": "This could not be graded. Your instructor sees why.", "tests": []}}' \\
    >/autograder/results/results.json
fi
"""

PROJECT = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "LICENSE-chapters")


def autograder(chapter: Chapter, *, reveal: str = "sentence", unsafe: bool = False) -> bytes:
    """The zip for one chapter.

    Args:
        reveal: how much students are told of what failed.
        unsafe: grade without the sandbox, for containers in which there can be none.

    Raises:
        CourseError: the hidden properties or the solutions are not at hand.
    """
    if not any(chapter.grader_dir.glob("test_*.py")) or not chapter.solution_dir.is_dir():
        raise CourseError(f"{chapter.id}: an autograder needs its graders and solutions")
    out = io.BytesIO()
    run = RUN.format(
        chapter=chapter.id, reveal=reveal, unsafe=" --unsafe-in-process" if unsafe else ""
    )
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "setup.sh", SETUP.encode(), 0o755)
        _add(archive, "run_autograder", run.encode(), 0o755)
        for name, data in _contents(chapter):
            _add(archive, name, data, 0o644)
    return out.getvalue()


def _contents(chapter: Chapter) -> Iterator[tuple[str, bytes]]:
    root = chapter.root
    for name in PROJECT:
        if (root / name).exists():
            yield name, (root / name).read_bytes()
    engine = Path(__file__).parent
    for file in _files(engine):
        yield f"assay/{file.relative_to(engine).as_posix()}", file.read_bytes()
    for folder in (chapter.grader_dir, chapter.solution_dir, chapter.text_dir, chapter.stub_dir):
        for file in _files(folder):
            if file.suffix in (".py", ".toml"):
                yield file.relative_to(root).as_posix(), file.read_bytes()


def _files(folder: Path) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    ]


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    # A fixed date: the same course gives the same zip.
    info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
