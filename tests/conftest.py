"""What every test stands on: no network beyond loopback, and nothing of the user's own settings or folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from process import Pincite, make_company
from wall import Wall, walled_environment

_FOREIGN = ("PINCITE_", "OPENAI_", "OLLAMA_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


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


@pytest.fixture
def walled(sealed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment for processes that the test starts: behind the same wall, with this Python's scripts first."""
    folder = tmp_path_factory.mktemp("walled")
    log = folder / "attempts.txt"
    yield walled_environment(folder, log)
    assert not log.exists(), f"reached out to {log.read_text(encoding='utf-8').split()}"


@pytest.fixture(scope="session")
def company(wall: Wall, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `docs`, and `library`, into which the real command has read it. Not to be changed."""
    folder = tmp_path_factory.mktemp("company")
    log = folder / "attempts.txt"
    make_company(folder)
    walled = walled_environment(tmp_path_factory.mktemp("walled"), log)
    Pincite(walled, folder, folder / "library")("ingest", "docs")
    assert not log.exists(), f"reached out to {log.read_text(encoding='utf-8').split()}"
    return folder


@pytest.fixture
def pincite(walled: dict[str, str], company: Path, tmp_path: Path) -> Pincite:
    """The command `pincite`, in an empty folder, with a library of its own that knows the company's documents."""
    library = tmp_path / "its library"
    shutil.copytree(company / "library", library)
    (tmp_path / "here").mkdir()
    return Pincite(walled, tmp_path / "here", library)


def _move_home(patch: pytest.MonkeyPatch, home: Path) -> None:
    patch.setenv("HOME", str(home))
    for name, folder in {
        "DATA": ".local/share",
        "CONFIG": ".config",
        "CACHE": ".cache",
        "STATE": ".local/state",
    }.items():
        patch.setenv(f"XDG_{name}_HOME", str(home / folder))
