"""The outer sandbox: what bubblewrap is told.

A process in it sees the interpreter, its packages, the system's libraries and this package, all
read-only, and nothing else: no home, no course, no network, no other process.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import assay

#: Where the dynamic linker finds libraries.
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/lib32", "/lib", "/lib64", "/etc/ld.so.cache")
#: Settings that decide how numbers come out, and so must be the same on both sides.
_NUMERIC = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
)
_NEEDED_PACKAGES = ("numpy", "torch", "msgspec")


def command(code: str, *args: str) -> list[str]:
    """The command line that runs Python code in the sandbox.

    Started by root, the code runs as root that may do nothing but change its user, and must do so
    first (``jail.drop_root``): the interpreter may lie where only root can look.

    Raises:
        FileNotFoundError: bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise FileNotFoundError("bubblewrap (bwrap) is not installed")
    return [
        bwrap,
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        "--unshare-cgroup-try",
        *_user(),
        *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *_libraries(),
        *_binds(_bound()),
        *(
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--perms",
            "1777",
            "--size",
            str(1 << 20),
            "--tmpfs",
            "/tmp",
        ),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", "/tmp"),
        *_environment(),
        *("--", sys.executable, "-s", "-P", "-B", "-c", code, *args),
    ]


def package_root() -> str:
    """Where the engine's package lies, in the sandbox as outside."""
    return str(Path(assay.__file__).resolve().parents[1])


def _user() -> list[str]:
    if os.geteuid() == 0:
        return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]


def _libraries() -> Iterator[str]:
    for name in _LIBRARIES:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.exists():
            yield from ("--ro-bind", name, name)


def _bound() -> list[Path]:
    """The interpreter (a virtual environment's and the one it was made from), and the engine."""
    wanted = [Path(assay.__file__).resolve().parent, *_executables()]
    for prefix in dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix))):
        parts = ("lib", "lib64", "pyvenv.cfg") if prefix == Path("/usr") else None
        for part in parts or ("bin", "lib", "lib64", "pyvenv.cfg"):
            wanted.append(prefix / part)
    wanted += [_site(package) for package in _NEEDED_PACKAGES]
    found = [path for path in dict.fromkeys(wanted) if path.exists()]
    covered = [Path(library) for library in _LIBRARIES]
    return [
        path
        for path in found
        if not any(path.is_relative_to(other) and path != other for other in found)
        and not any(path.is_relative_to(library) for library in covered)
    ]


def _binds(paths: list[Path]) -> Iterator[str]:
    # Left to itself, bubblewrap makes folders above a bind that only root can pass.
    above = {parent for path in paths for parent in path.parents if parent != Path("/")}
    for folder in sorted(above):
        yield from ("--perms", "0755", "--dir", str(folder))
    for path in paths:
        yield from ("--ro-bind", str(path), str(path))


def _executables() -> Iterator[Path]:
    """The interpreter and every link on the way to it."""
    path = Path(sys.executable)
    for _ in range(16):
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def _site(package: str) -> Path:
    """The folder that a package is imported from."""
    import importlib.util

    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parents[1]


def _environment() -> Iterator[str]:
    yield "--clearenv"
    settings = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    } | {name: os.environ[name] for name in _NUMERIC if name in os.environ}
    for name, value in settings.items():
        yield from ("--setenv", name, value)
