"""The wall around the tests: sockets reach this machine and no other."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


class NetworkBlockedError(OSError):
    """A test tried to leave the machine."""


def _is_loopback(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


class _Plainly:
    """Patches for good: a process that the tests start ends with them."""

    @staticmethod
    def setattr(target: object, name: str, value: object) -> None:
        setattr(target, name, value)


class Wall:
    """Stands in for the socket calls that reach out. `attempts` keeps what was refused, should the caller hide it.

    `log` is a file that keeps it too, for a process whose memory the tests can't see.
    """

    def __init__(self, log: Path | None = None) -> None:
        self.attempts: list[str] = []
        self.log = log

    def refuse(self, host: object) -> None:
        if not _is_loopback(host):
            self.attempts.append(str(host))
            if self.log:
                with self.log.open("a", encoding="utf-8") as log:
                    log.write(f"{host}\n")
            raise NetworkBlockedError(f"the tests may not reach {host}")

    def build(self, patch: pytest.MonkeyPatch | _Plainly) -> None:
        connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
        getaddrinfo = socket.getaddrinfo

        def guard(self_: socket.socket, address: Any) -> None:
            if self_.family in (socket.AF_INET, socket.AF_INET6):
                self.refuse(address[0])

        def guarded_connect(self_: socket.socket, address: Any) -> None:
            guard(self_, address)
            connect(self_, address)

        def guarded_connect_ex(self_: socket.socket, address: Any) -> int:
            guard(self_, address)
            return connect_ex(self_, address)

        def guarded_sendto(self_: socket.socket, *arguments: Any) -> int:
            guard(self_, arguments[-1])
            return sendto(self_, *arguments)

        def guarded_getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
            self.refuse(host)
            return getaddrinfo(host, *arguments, **named)

        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket.socket, "sendto", guarded_sendto)
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


def walled_environment(folder: Path, log: Path) -> dict[str, str]:
    """The environment for processes that tests start: every Python in it builds the wall first, and tells `log`.

    `folder` is where the `sitecustomize` goes that does so. The scripts beside this Python (`pincite`) are found first.
    """
    # A copy, for the tests' own folder must not be on the path: it has rooms named like the packages.
    shutil.copy(__file__, folder / "wall.py")
    lines = ["from pathlib import Path", "import wall", f"wall.Wall(Path({str(log)!r})).build(wall._Plainly())"]
    (folder / "sitecustomize.py").write_text("\n".join(lines), encoding="utf-8")
    scripts = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return os.environ | {"PYTHONPATH": str(folder), "PATH": os.pathsep.join(scripts)}
