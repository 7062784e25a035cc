"""Writing files so that nobody's work is lost: whole or not at all, and with the old one kept."""

import os
import secrets
import shutil
from datetime import datetime
from pathlib import Path

__all__ = ["save_beside", "write_whole"]


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file at one stroke: whoever reads it, or stops us, finds the old or the new whole.

    Makes missing folders; text is written as UTF-8 with ``\\n``; a link is written through.
    """
    data = content.encode() if isinstance(content, str) else content
    file = file.resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        # Opened plainly and not as a temporary file, whose mode would shut others out.
        with draft.open("xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        if file.exists():
            shutil.copymode(file, draft)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def save_beside(file: Path) -> Path:
    """Copy a file to ``NAME.saved-DATE`` in its own folder, over nothing, and return that path."""
    data = file.read_bytes()
    stem = f"{file.name}.saved-{datetime.now():%Y-%m-%dT%H-%M-%S}"
    for number in range(1, 1000):
        copy = file.with_name(stem if number == 1 else f"{stem}-{number}")
        try:
            with copy.open("xb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            return copy
        except FileExistsError:
            continue
    raise FileExistsError(f"{file.with_name(stem)}: a thousand copies of this second")
