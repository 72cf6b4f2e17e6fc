"""The command group, which imports the module of a verb only when the verb is used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from fastlint import __version__
from fastlint.config.errors import did_you_mean

VERBS = ("check", "clean", "migrate", "rule")


class LazyGroup(click.Group):
    """Finds the command `verb` in the module `fastlint.cli.verb`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of the help text."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command for a verb, or None if there is no such verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"fastlint.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the verb that was probably meant when there is none of that name."""
        word = args[0]
        if word not in VERBS and not word.startswith("-"):
            hint = f"; to check it, run: fastlint check {word}" if Path(word).exists() else ""
            ctx.fail(f'there is no command "{word}"{hint or did_you_mean(word, VERBS)}')
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="fastlint %(version)s")
def fastlint() -> None:
    """Find what makes a FastAPI application slow."""
