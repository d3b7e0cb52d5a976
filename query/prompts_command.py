"""The commands that show prompts: `pincite prompts list | show NAME | diff NAME`."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from indexer.cli import common, settings
from indexer.errors import PinciteError
from indexer.terminal import data, json_line, plain, talk


@click.group()
@common
def prompts() -> None:
    """The prompts that models are sent, as files: those that ship, and your own, which go before them."""


@prompts.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@common
def list_prompts(*, as_json: bool) -> None:
    """Every prompt by name, and where it comes from."""
    from query.templates import names, own_file, shipped_text

    folder = settings().prompts
    told = [(name, own_file(name, folder), bool(shipped_text(name))) for name in names(folder)]
    if as_json:
        return json_line(
            [{"name": name, "own": str(own) if own else None, "ships": ships} for name, own, ships in told]
        )
    for name, own, ships in told:
        data(
            f"{plain(name):<16} {plain(str(own)) if own else 'ships with Pincite'}{' (in place of the one that ships)' if own and ships else ''}"
        )
    return talk(f"your own go into {plain(str(folder))}, as NAME.md")


@prompts.command()
@click.argument("name")
@common
def show(name: str) -> None:
    """The text of a prompt, as it is used."""
    data(_text(name).rstrip())


@prompts.command()
@click.argument("name")
@common
def diff(name: str) -> None:
    """What your own prompt of this name changes in the one that ships."""
    from query.templates import own_file, shipped_text

    own, shipped = own_file(name, settings().prompts), shipped_text(name)
    if not own or not shipped:
        lacking = (
            "no prompt of that name ships with Pincite" if not shipped else "you have none of your own by that name"
        )
        raise PinciteError(
            f"{name}: there is nothing to compare: {lacking}.", "`pincite prompts list` shows what there is."
        )
    lines = unified_diff(
        shipped.splitlines(), _text(name).splitlines(), f"{name}.md, as it ships", str(own), lineterm=""
    )
    told = list(lines)
    for line in told:
        data(plain(line))
    if not told:
        talk("the two are the same")


def _text(name: str) -> str:
    """A prompt's text, once it has been found fit for use."""
    from query.templates import load, own_file, shipped_text

    folder: Path | None = settings().prompts
    load(name, folder)
    own = own_file(name, folder)
    return own.read_text(encoding="utf-8-sig") if own else shipped_text(name)
