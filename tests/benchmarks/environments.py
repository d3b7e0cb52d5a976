"""An environment a peer: what all of them need is installed once, in `common`, and lies behind each peer's own packages.

They are made with `python -m venv` and pip, as pip is configured, from the pins in `peers/`, and kept until those change.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import peers

REPOSITORY = Path(__file__).parents[2]
PINS = Path(peers.__file__).parent
FOLDER = REPOSITORY / ".bench"


class UnavailableError(Exception):
    """An environment could not be made; says why in one line."""


def python(name: str, folder: Path) -> Path:
    """The interpreter of a peer's environment, made if it is not there. Raises UnavailableError."""
    common, own = folder.absolute() / "common", folder.absolute() / name
    constraints = REPOSITORY / "constraints.txt"
    _make(common, [PINS / "common.txt"], ["--constraint", str(constraints)])
    _make(own, [PINS / f"{name}.txt", PINS / "common.txt", constraints], ["--no-deps"], behind=common)
    return own / "bin" / "python"


def _make(place: Path, pins: list[Path], options: list[str], behind: Path | None = None) -> None:
    """Make an environment of the first of the files, unless it was made of these very files."""
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
    stamp = place / "installed"
    if stamp.is_file() and stamp.read_text("ascii") == wanted:
        return
    print(f"installing {pins[0].stem} into {place}", file=sys.stderr)
    # pip itself lies in `common`; a peer's own packages go before those of `common`.
    _run([sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if behind else []), str(place)])
    if behind:
        (_packages(place) / "common.pth").write_text(f"{_packages(behind)}\n", encoding="utf-8")
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *options,
        "--requirement",
        str(pins[0]),
    ]
    _run([str(place / "bin" / "python"), *install])
    stamp.write_text(wanted, "ascii")


def _packages(place: Path) -> Path:
    return place.resolve() / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _run(command: list[str]) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise UnavailableError(str(error)) from error
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")] or ended.stderr.splitlines()
        raise UnavailableError(said[-1].strip() if said else f"{command[1]} ended with {ended.returncode}")


def offline() -> dict[str, str]:
    """What a runner finds in its environment: no hub, and the vocabulary that llama-index-core ships for counting tokens."""
    found = importlib.util.find_spec("llama_index")
    (core,) = [Path(place) / "core" for place in (found.submodule_search_locations if found else None) or ()
               if (Path(place) / "core" / "_static").is_dir()]  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PINCITE_"))}
    return kept | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TIKTOKEN_CACHE_DIR": str(core / "_static" / "tiktoken_cache"),
    }


def versions() -> dict[str, str]:
    """The version of each peer's main package, as pinned."""
    main = {"LlamaIndex": "llama-index-core", "LangChain": "langchain-core", "txtai": "txtai"}
    pinned = dict(
        line.split("==")
        for path in sorted(PINS.glob("*.txt"))
        for line in path.read_text("ascii").split()
        if "==" in line
    )
    return {name: pinned[package] for name, package in main.items()}
