"""The filter of system calls (Linux's seccomp): what Landlock leaves open to native code, and a reader has no use for.

No sockets, no other programs or processes, no signals to others, no change of a file's rights and times.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys

_SET_SECCOMP, _FILTER = 22, 2
_ALLOW, _DENY, _ABSENT = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
# Instructions of the classic packet filter: load a word, jump if equal, if not less, if bits are set, return.
_LOAD, _EQUAL, _NOT_LESS, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Where the filter finds what is called: its number, the architecture, the low half of the first argument.
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x10000
# Numbers beyond are those of x32, which would be other names for the same calls.
_X32 = 0x40000000
# From 424 on, the numbers are the same everywhere: pidfd_send_signal, io_uring_setup, pidfd_open, pidfd_getfd, fchmodat2,
# setxattrat, removexattrat.
_DENIED = (424, 425, 434, 438, 452, 463, 466)
_CLONE3 = 435
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# By machine (asm/unistd_64.h, asm-generic/unistd.h), in this order: socket, execve, execveat, fork, vfork, kill, tkill,
# rt_sigqueueinfo, rt_tgsigqueueinfo, ptrace, process_vm_readv, process_vm_writev, bpf, perf_event_open, userfaultfd, unshare,
# setns, mount, chroot; then the calls that change a file's rights, owner, attributes and times.
_DENIED_BY = {
    "x86_64": (
        41, 59, 322, 57, 58, 62, 200, 129, 297, 101, 310, 311, 321, 298, 323, 272, 308, 165, 161,
        90, 91, 268, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199, 132, 235, 261, 280,
    ),
    "aarch64": (
        198, 221, 281, 129, 130, 138, 240, 117, 270, 271, 280, 241, 282, 97, 268, 40, 51,
        52, 53, 55, 54, 5, 6, 7, 14, 15, 16, 88,
    ),
}  # fmt: skip
_CLONE = {"x86_64": 56, "aarch64": 220}
# tgkill, by which a process aborts, and prlimit64: for this very process only.
_OWN = {"x86_64": (234, 302), "aarch64": (131, 261)}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def filter_calls() -> None:
    """Put the filter on this process and its threads to come. Raises OSError where there is none."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURES or ctypes.sizeof(ctypes.c_void_p) != 8:
        raise OSError(errno.ENOSYS, "no filter for this machine")
    steps = _steps(machine, os.getpid())
    program = _Program(len(steps), (_Instruction * len(steps))(*(_Instruction(*step) for step in steps)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(program), 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _steps(machine: str, process: int) -> list[tuple[int, int, int, int]]:
    """The filter as (instruction, steps to jump over when true, when false, value)."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _ARCHITECTURES[machine]), (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, _NUMBER), (_NOT_LESS, 0, 1, _X32), (_RETURN, 0, 0, _DENY),
        (_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ABSENT),
    ]  # fmt: skip
    for number in (*_DENIED, *_DENIED_BY[machine]):
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    # A thread is no other process; without clone3 the C library makes it by clone.
    steps += [(_EQUAL, 0, 4, _CLONE[machine]), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_BITS, 1, 0, _CLONE_THREAD)]
    steps += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    for number in _OWN[machine]:
        steps += [(_EQUAL, 0, 5, number), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_EQUAL, 2, 0, 0), (_EQUAL, 1, 0, process)]
        steps += [(_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]
