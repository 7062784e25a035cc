"""The wall itself: a bubblewrap command line that shows a process the interpreter and nothing else.

Root drops its real user inside, after the binds: a mere mapping of the user would leave the process
able to read root's files. A user without root gets a user namespace.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import assay

#: The user that root's sandboxed processes run as.
NOBODY = 65534
ENGINE = "/engine"
SCRATCH = "/scratch"
_START = (
    f"import sys; sys.path[:0] = [{ENGINE!r}, *sys.argv[3:]]; "
    "from assay.sandbox.zygote import main; main(int(sys.argv[1]), sys.argv[2])"
)


class SandboxError(Exception):
    """A sandbox can't be had here; the message says why, and what to do."""


def command(control_fd: int, mode: str) -> list[str]:
    """The command that starts a zygote in the sandbox, its control socket at this descriptor."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise SandboxError(
            "bubblewrap is not installed (on Debian and Ubuntu: apt-get install bubblewrap)"
        )
    root = os.getuid() == 0
    line = [bwrap, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    if root:
        line += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        line += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    line += ["--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev"]
    # not /tmp: an interpreter may live there, and must stay visible to workers
    line += ["--perms", "1777", "--size", str(64 * 1024**2), "--tmpfs", SCRATCH]
    shown = _shown()
    # bwrap makes the way to a bind for its owner alone, and that is not who will walk it
    for folder in sorted({parent for path in shown for parent in path.parents} - {Path("/")}):
        line += ["--perms", "0755", "--dir", str(folder)]
    for path in shown:
        line += ["--ro-bind", str(path), str(path)]
    for name in ("bin", "lib", "lib64", "sbin"):
        link = Path("/", name)
        if link.is_symlink():
            line += ["--symlink", os.readlink(link), str(link)]  # noqa: PTH115
        elif link.is_dir():
            line += ["--ro-bind", str(link), str(link)]
    line += ["--perms", "0755", "--dir", ENGINE]
    line += ["--ro-bind", str(Path(assay.__file__).parent), f"{ENGINE}/assay"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    for name, value in environment.items():
        line += ["--setenv", name, value]
    line += ["--remount-ro", "/", "--chdir", SCRATCH]
    if root:
        line += ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        line += ["--inh-caps=-all", "--no-new-privs"]
    packages = [str(folder) for folder in _packages()]
    return [*line, sys.executable, "-I", "-c", _START, str(control_fd), mode, *packages]


def _shown() -> list[Path]:
    """The folders that the interpreter needs: its own, its packages' and the system's libraries."""
    folders = [Path("/usr"), Path(sys.base_prefix), Path(sys.prefix)]
    folders += _packages()
    folders += [Path("/etc/ld.so.cache"), Path("/etc/alternatives")]
    shown: list[Path] = []
    for folder in folders:
        inside = any(folder.is_relative_to(other) for other in shown)
        if folder.exists() and not inside and folder != Path("/"):
            shown.append(folder)
    return shown


def _packages() -> list[Path]:
    """Where packages are installed; never the folder of a course that happens to be importable."""
    names = ("site-packages", "dist-packages")
    return [Path(entry) for entry in sys.path if Path(entry).name in names]


def start(mode: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a zygote; returns the process and this side of its control socket.

    Raises:
        SandboxError: bubblewrap is not there.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            command(theirs.fileno(), mode),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
        )
    return process, ours


@functools.cache
def problem() -> str | None:
    """Why there is no working sandbox here, found by trying; None where there is one."""
    try:
        line = command(0, "warm")
    except SandboxError as error:
        return str(error)
    probe = [*line[: line.index(sys.executable)], sys.executable, "-I", "-c", "print('inside')"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    if done.stdout.strip() == "inside":
        return None
    said = done.stderr.strip().splitlines()
    return (
        "bubblewrap can't make a sandbox here"
        + (f" ({said[-1]})" if said else "")
        + "; a container or AppArmor may forbid user namespaces: allow them, or run as root"
    )
