"""What every test stands on: no network beyond loopback, and nothing of the user's own settings or folders."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_FOREIGN = ("PINCITE_", "OPENAI_", "OLLAMA_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


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
    """Stands in for the socket calls that reach out. `attempts` keeps what was refused, even if the caller hid the error."""

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


@pytest.fixture(scope="session", autouse=True)
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    """Block the network and clear the user's settings for the whole run; compiled models are made once a run."""
    wall = Wall()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(_FOREIGN) or name.lower() in _PROXIES:
                patch.delenv(name)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("TRANSFORMERS_OFFLINE", "1")
        patch.setenv("PINCITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PINCITE_SETTINGS", str(tmp_path_factory.mktemp("settings") / "settings.toml"))
        _move_home(patch, tmp_path_factory.mktemp("home"))
        wall.build(patch)
        yield wall


@pytest.fixture(autouse=True)
def sealed(wall: Wall, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the test an empty home of its own, and fail it if anything in it tried to reach the network."""
    home = tmp_path_factory.mktemp("home")
    _move_home(monkeypatch, home)
    monkeypatch.setenv("PINCITE_SETTINGS", str(home / "settings.toml"))
    wall.attempts.clear()
    yield
    assert wall.attempts == [], f"reached out to {wall.attempts}"


def _move_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("HOME", str(home))
    for name, folder in (("DATA", ".local/share"), ("CONFIG", ".config"), ("CACHE", ".cache"), ("STATE", ".local/state")):
        patch.setenv(f"XDG_{name}_HOME", str(home / folder))
