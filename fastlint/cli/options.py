"""Options that several commands have, or one command several times."""

from __future__ import annotations

from functools import partial

import click


def _split(ctx: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The parts of a repeatable option with commas in it; None if it was not given."""
    return (
        tuple(part.strip() for word in words for part in word.split(",") if part.strip()) if words else None
    )


rules_option = partial(click.option, multiple=True, callback=_split, metavar="RULES")
patterns_option = partial(click.option, multiple=True, callback=_split, metavar="PATTERNS")

config_option = click.option(
    "--config", multiple=True, metavar="FILE|KEY=VALUE", help="A configuration file, or one setting."
)
isolated_option = click.option("--isolated", is_flag=True, help="Leave configuration files alone.")
no_progress_option = click.option("--no-progress", is_flag=True, help="Show no progress bar.")
color_option = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colour."
)
