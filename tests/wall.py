"""The wall around the tests: sockets reach this machine and no other."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

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


class Wall:
    """Stands in for the socket calls that reach out. `attempts` keeps what was refused, should the caller hide it."""

    def __init__(self) -> None:
        self.attempts: list[str] = []

    def refuse(self, host: object) -> None:
        if not _is_loopback(host):
            self.attempts.append(str(host))
            raise NetworkBlockedError(f"the tests may not reach {host}")

    def build(self, patch: pytest.MonkeyPatch) -> None:
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
