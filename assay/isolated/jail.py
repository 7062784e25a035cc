"""What a process does to itself before it runs a learner's code: one function per wall.

Every wall holds by the kernel's word alone; no function here trusts what runs afterwards. They are
called by the template and its children inside the outer sandbox (see ``sandbox``).
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from pathlib import Path

#: Who the learner's code runs as: nobody.
NOBODY = 65534
#: Bytes and files that a child may keep in its own /tmp.
SCRATCH = 16 << 20
SCRATCH_FILES = 1024

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 22, 24, 38
_NEW_NAMESPACES = 0x10000000 | 0x20000000 | 0x00020000 | 0x08000000 | 0x40000000 | 0x04000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
_SYS_LANDLOCK = 444, 445, 446  # create a ruleset, add a rule, restrict: alike on all machines


def _call(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def drop_root() -> None:
    """Become nobody for good, where the process is root.

    Raises:
        OSError: it stays root.
    """
    if os.getuid() != 0 and os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    # A change of user makes /proc/self root's, and a child couldn't map its own user there.
    _call(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def fresh_namespaces() -> None:
    """Leave every namespace of the parent; the next fork is the first process of a new one.

    Raises:
        OSError: the system doesn't let an ordinary user make namespaces.
    """
    user, group = os.getuid(), os.getgid()
    _call(_libc.unshare(_NEW_NAMESPACES), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def private_view() -> None:
    """An empty /proc and a /tmp of its own, in a mount namespace of its own.

    Raises:
        OSError: they can't be mounted.
    """
    _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    quiet = _MS_NOSUID | _MS_NODEV
    size = f"size={SCRATCH},nr_inodes={SCRATCH_FILES},mode=0700".encode()
    _mount(b"tmpfs", b"/tmp", b"tmpfs", quiet | _MS_NOEXEC, size)
    _mount(b"tmpfs", b"/proc", b"tmpfs", quiet | _MS_RDONLY, b"size=4096,mode=0555")


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, options: bytes | None
) -> None:
    result = _libc.mount(source, target, kind, ctypes.c_ulong(flags), options)
    _call(result, f"mount {target.decode()}")


def drop_capabilities() -> None:
    """Give up what the first process of a user namespace may do in it, for good."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    header = struct.pack("<Ii", 0x20080522, 0)
    _call(_libc.capset(header, bytes(24)), "capset")
    _call(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def hide_from_debuggers() -> None:
    """Nobody of the same user may trace this process or read its memory."""
    _call(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def limit_resources(memory: int, cpu: int, threads: int) -> None:
    """Bound memory in bytes, CPU time in seconds, threads, open files and what is written."""
    for what, bound in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_FSIZE, SCRATCH),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        if hard != resource.RLIM_INFINITY:
            bound = min(bound, hard)
        resource.setrlimit(what, (bound, bound))


_EXECUTE, _WRITE_FILE, _IOCTL = 1 << 0, 1 << 1, 1 << 15
#: Everything that changes a folder or a file, by the version of Landlock that knows it.
_CHANGES = {1: _WRITE_FILE | 0x1FF0, 2: 1 << 13, 3: 1 << 14}
_SCRATCH = _WRITE_FILE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14


def landlock_version() -> int:
    """The version of Landlock that the kernel has, 0 for none."""
    return max(0, int(_libc.syscall(_SYS_LANDLOCK[0], None, 0, 1)))


def landlock() -> None:
    """Write nowhere but in /tmp, run no program, and from Landlock's later versions on open no
    connection and signal nobody outside.

    Raises:
        OSError: the kernel has no Landlock.
    """
    version = landlock_version()
    if version < 1:
        raise OSError(0, "the kernel has no Landlock")
    files = _EXECUTE
    for since, rights in _CHANGES.items():
        files |= rights if version >= since else 0
    files |= _IOCTL if version >= 5 else 0
    attributes = struct.pack("<Q", files)
    attributes += struct.pack("<Q", 3) if version >= 4 else b""
    attributes += struct.pack("<Q", 3) if version >= 6 else b""
    create, add, restrict = _SYS_LANDLOCK
    rules = _call(_libc.syscall(create, attributes, len(attributes), 0), "landlock")
    for path, rights in (("/tmp", _SCRATCH), ("/dev/null", _WRITE_FILE)):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("<Qi", rights & files, place)
        _call(_libc.syscall(add, rules, 1, rule, 0), f"landlock {path}")
        os.close(place)
    _call(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _call(_libc.syscall(restrict, rules, 0), "landlock")
    os.close(rules)


def filter_calls(program: bytes) -> None:
    """From here on the kernel refuses the system calls that the program refuses.

    Args:
        program: compiled by ``seccomp``.

    Raises:
        OSError: the kernel doesn't take it.
    """

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    loaded = Program(len(program) // 8, program)
    _call(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _call(_libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(loaded), 0, 0), "seccomp")
