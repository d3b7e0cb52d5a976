"""Walls around a process that reads what strangers wrote: little memory, no files, no network, no other programs.

`enter` is called once, before anything else is imported. Each wall is built where the platform has it, and its name told.
Python's own calls meet the audit hook; native code (a PDF library with a flaw) meets the limits, Landlock and the system
call filter of Linux. Code that a reader needs is still imported when it is first needed: Python's own folders stay readable.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from indexer.workers.system_calls import filter_calls

# Folders and files of the system that libraries look into: time zones, fonts, what the loader and thread pools ask for.
_SYSTEM = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/lib",
    "/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/zoneinfo", "/usr/share/locale", "/usr/share/mime",
    "/usr/share/fontconfig", "/usr/share/poppler", "/etc/fonts", "/etc/localtime", "/etc/ld.so.cache", "/etc/mime.types",
    "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random",
    "/System/Library", "/Library/Fonts", "C:\\Windows\\Fonts", "C:\\Windows\\System32",
)  # fmt: skip
_OF_PYTHON = ("lib", "lib64", "Lib", "DLLs", "Library", "share")
_MOST_OPEN = 256
# Bytes. No file may be written; what is piped isn't one.
_LARGEST_FILE = 0
# Audit events (https://docs.python.org/3/library/audit_events.html) of what no reader does.
_REFUSED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "pty.",
    "os.kill", "signal.pthread_kill", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
    "os.chmod", "os.chown", "os.lchown", "os.truncate", "os.utime", "os.setxattr", "os.removexattr", "os.chflags",
    "shutil.", "tempfile.", "urllib.", "http.", "ftplib.", "imaplib.", "poplib.", "smtplib.", "telnetlib.", "nntplib.",
    "sqlite3.", "winreg.", "webbrowser.", "pickle.find_class", "_winapi.CreateProcess",
)  # fmt: skip
_LISTED = ("os.listdir", "os.scandir")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ON_LINUX = ("limits", "ends with its parent", "no new privileges", "landlock", "system calls", "audit")

_SET_PDEATHSIG, _SET_NO_NEW_PRIVS = 1, 38


def enter(memory: int, package: Path) -> tuple[str, ...]:
    """Build every wall that this platform has, and name them. There is no way back.

    `memory` is the most that the process may map, in bytes; `package` is the folder whose modules stay readable beside
    Python's own.
    """
    readable = _readable(package)
    walls = (
        ("limits", lambda: _limit(memory)),
        ("ends with its parent", _end_with_parent),
        ("no new privileges", _keep_privileges),
        ("landlock", lambda: _landlock(readable)),
        ("system calls", filter_calls),
        ("audit", lambda: sys.addaudithook(_hook(readable))),
    )
    return tuple(name for name, build in walls if _built(build))


def missing(walls: object) -> list[str]:
    """The walls that should stand here beside those that a worker has named: all of them on Linux, elsewhere the hook."""
    expected = _ON_LINUX if sys.platform == "linux" else ("audit",)
    return [wall for wall in expected if not isinstance(walls, list) or wall not in walls]


def allow_cpu(seconds: float, *, more: bool = False) -> None:
    """From now on this process may use that much processor time; then SIGXCPU ends it. Nothing where there are no limits.

    With `more`, it is added to what was allowed before.
    """
    with suppress(ImportError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        until = int((soft if more else used.ru_utime + used.ru_stime) + seconds) + (not more)
        resource.setrlimit(resource.RLIMIT_CPU, (until if hard == resource.RLIM_INFINITY else min(until, hard), hard))


def _built(build: Callable[[], object]) -> bool:
    try:
        return build() is not False
    except (OSError, ImportError, AttributeError, ValueError):
        return False


def _readable(package: Path) -> tuple[str, ...]:
    """The folders and files that stay readable, links resolved."""
    import site
    import sysconfig

    own = os.path.realpath(package.parent)
    # The folder that the package lies in is somebody's: of that only the package, but for Python's own folders of packages.
    paths = [path for path in sys.path if path and os.path.realpath(path) != own]
    installed = [path for name, path in sysconfig.get_paths().items() if name != "data"]
    # Not the prefixes themselves: a person may keep more in such a folder than Python.
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    installed += [str(Path(prefix, inner)) for prefix in prefixes for inner in _OF_PYTHON]
    wanted = [*paths, *installed, *site.getsitepackages(), site.getusersitepackages(), *_SYSTEM]
    real = {os.path.realpath(path) for path in (*wanted, str(package)) if os.path.exists(path)}  # noqa: PTH110
    return tuple(sorted(real - {os.path.realpath("/")}))


def _limit(memory: int) -> None:
    import resource

    def lower(which: int, to: int) -> None:
        _, hard = resource.getrlimit(which)
        to = to if hard == resource.RLIM_INFINITY else min(to, hard)
        with suppress(OSError, ValueError):  # macOS knows RLIMIT_AS, and refuses it
            resource.setrlimit(which, (to, to))

    lower(resource.RLIMIT_AS, memory)
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    lower(resource.RLIMIT_NOFILE, _MOST_OPEN)


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "only Linux has it")
    return ctypes.CDLL(None, use_errno=True)


def _succeed(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _end_with_parent() -> None:
    _succeed(_libc().prctl(_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0))


def _keep_privileges() -> None:
    _succeed(_libc().prctl(_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0))


# Landlock (https://docs.kernel.org/userspace-api/landlock.html). Its system calls have the same number everywhere.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR, _WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
# The rights to files that each version of it knows, up to the last.
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def _landlock(readable: Iterable[str]) -> None:
    """No file but what is readable; from version 4 no TCP; from 6 no signal and no abstract socket to the world outside."""
    libc = _libc()
    version = _succeed(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))
    wanted = _Ruleset(_FILE_RIGHTS[min(version, 5)], 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _succeed(libc.syscall(_CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(size), ctypes.c_uint32(0)))
    try:
        for path in readable:
            rights = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112
            _allow(libc, ruleset, path, rights | (_WRITE_FILE if path == os.devnull else 0))
        _succeed(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rule = ctypes.byref(_Beneath(rights, folder))
        _succeed(libc.syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0)))
    finally:
        os.close(folder)


def _hook(readable: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    """The audit hook: no event of `_REFUSED`, nothing opened but to read what is readable."""
    within = tuple(path.rstrip(os.sep) + os.sep for path in readable)

    def may_read(path: Any) -> bool:
        real = os.path.realpath(os.fsdecode(path))
        return real in readable or real.startswith(within)

    def may_open(path: Any, mode: object, flags: object) -> bool:
        # A number is something that is open already.
        if isinstance(path, int):
            return True
        writes = isinstance(flags, int) and bool(flags & _WRITES)
        if writes or (isinstance(mode, str) and not set(mode).isdisjoint("wax+")):
            return os.fsdecode(path) == os.devnull
        return may_read(path)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            allowed = may_open(*arguments)
        elif event in _LISTED:
            folder = arguments[0]
            allowed = isinstance(folder, int) or may_read(folder or ".")
        else:
            allowed = not event.startswith(_REFUSED)
        if not allowed:
            raise PermissionError(errno.EACCES, f"a reader may not do this: {event}")

    return hook
