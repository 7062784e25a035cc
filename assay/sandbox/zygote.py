"""A warm, clean process inside the sandbox from which workers are forked.

It has imported torch and numpy, and holds nothing worth stealing: no property, no solution, no
submission. For every submission it gets one socket and a lifeline, and forks twice: the *keeper*,
which waits for the end of the lifeline or of the worker, and the worker, first process of new
pid, mount, ipc and network namespaces. When the keeper kills it, every descendant dies with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import socket

import torch

from assay.calling import warm_up
from assay.sandbox.bubblewrap import SCRATCH
from assay.sandbox.worker import serve

NEWNS, NEWIPC, NEWUSER, NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000
NEWNET = 0x40000000  # abstract sockets and loopback would be a way to a sibling
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38

#: Bytes and counts that a worker may use.
MEMORY = 2 * 1024**3
FILE_SIZE = 16 * 1024**2
OPEN_FILES = 64
PROCESSES = 64
CPU_SECONDS = 300
SCRATCH_SIZE = "size=32m,nr_inodes=2000,mode=700"

_libc = ctypes.CDLL(None, use_errno=True)


def main(control_fd: int, mode: str) -> None:
    """Serve from a socket: ``warm`` forks workers, ``cold`` is the one worker itself.

    Every process is a session of its own, so that a signal to a process group reaches no other.
    """
    torch.set_num_threads(1)  # before any parallel operation, or a forked child hangs
    warm_up()
    control = socket.socket(fileno=control_fd)
    if mode == "cold":
        _close_all_but(control_fd)  # a pipe that nobody reads would stop whoever writes much
        limit_resources()
        serve(control)
        return
    _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    gc.collect()
    gc.freeze()
    control.sendall(b"warm")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 2)
        if not message:
            return
        if os.fork() == 0:
            try:
                os.setsid()
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _keep(*fds)
            finally:
                os._exit(0)
        for fd in fds:
            os.close(fd)


def _keep(channel_fd: int, lifeline_fd: int) -> None:
    """Start the worker in namespaces of its own; kill it when the lifeline ends."""
    user, group = os.getuid(), os.getgid()
    flags = NEWUSER | NEWPID | NEWNS | NEWIPC | NEWNET
    _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else its own /proc is not its own to write
    if _libc.unshare(flags) != 0:
        return
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    worker = os.fork()
    if worker == 0:
        try:
            os.setsid()  # kill(0, …) shall reach nobody else
            os.close(lifeline_fd)
            _close_all_but(channel_fd)
            _private_view()
            _drop_capabilities()
            limit_resources()
            serve(socket.socket(fileno=channel_fd))
        finally:
            os._exit(0)
    os.close(channel_fd)
    died = os.pidfd_open(worker)
    select.select([lifeline_fd, died], [], [])
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)


def _private_view() -> None:
    """A scratch folder and a /proc of the worker's own; without them it does not start."""
    _mount(None, "/", None, MS_REC | MS_PRIVATE, None)
    _mount("tmpfs", SCRATCH, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SCRATCH_SIZE)
    try:
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    except OSError:
        _mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k")
    os.chdir(SCRATCH)


def _drop_capabilities() -> None:
    """Give up what the first process of a user namespace may do in it."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3 of the call, for this process
    if _libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def limit_resources() -> None:
    """Limits that a process can't raise again, and no new privileges for anything it starts."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, PROCESSES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _forbid_syscalls()


#: Calls that no exercise needs, and that break-ins start with.
FORBIDDEN = """
    ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot unshare setns bpf
    perf_event_open userfaultfd keyctl add_key request_key kexec_load init_module finit_module
    delete_module io_uring_setup open_by_handle_at personality
""".split()  # noqa: SIM905


def _forbid_syscalls() -> None:
    """A seccomp filter, where pyseccomp is installed."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError):
        return
    wall = pyseccomp.SyscallFilter(defaction=pyseccomp.ALLOW)
    for call in FORBIDDEN:
        with contextlib.suppress(RuntimeError, ValueError, OSError):
            wall.add_rule(pyseccomp.ERRNO(1), call)
    new_user = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEWUSER, NEWUSER)
    wall.add_rule(pyseccomp.ERRNO(1), "clone", new_user)
    # its flags lie in memory, where no filter sees them; without it libc falls back on clone
    wall.add_rule(pyseccomp.ERRNO(38), "clone3")
    wall.load()


def _close_all_but(*kept: int) -> None:
    """Leave the worker nothing but its socket and /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 4096)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    extra = data.encode() if data is not None else None
    if _libc.mount(*arguments, ctypes.c_ulong(flags), extra) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")
