"""`fastlint rule`: what a rule looks for, why, and what to write instead."""

from __future__ import annotations

import json
import sys

import click

from fastlint.cli.boundary import reader_may_leave
from fastlint.cli.options import color_option
from fastlint.cli.terminal import columns, is_terminal, wants_color
from fastlint.config.errors import FastlintError, did_you_mean
from fastlint.reports.words import rule_url
from fastlint.rules.pages import Page, find_page
from fastlint.rules.registry import RULES, RuleInfo


@click.command("rule", short_help="Explain a rule, or list all of them.")
@click.argument("rule", required=False, metavar="[CODE|NAME]")
@click.option("--all", "every", is_flag=True, help="Explain every rule.")
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@color_option
def command(rule: str | None, every: bool, output_format: str, color: str) -> None:
    """Explain a rule, given by its code or name; without one, list all rules."""
    if rule and every:
        raise click.UsageError("give a rule or --all, not both")
    rules = (_find(rule),) if rule else RULES
    with reader_may_leave():
        if output_format == "json":
            objects = [_as_json(info) for info in rules]
            print(json.dumps(objects[0] if rule else objects, indent=2))
        elif rule or every:
            _print_markdown("\n".join(_page(info).read() for info in rules), color)
        else:
            _print_table(color)


def _find(word: str) -> RuleInfo:
    for info in RULES:
        if word.casefold() in (info.code.casefold(), info.name):
            return info
    known = [known for info in RULES for known in (info.code, info.name)]
    raise FastlintError(f'there is no rule "{word}"{did_you_mean(word, known)}')


def _page(info: RuleInfo) -> Page:
    page = find_page(info.code)
    if page is None:
        raise FastlintError(f"the page of {info.code} is missing from this installation of fastlint")
    return page


def _as_json(info: RuleInfo) -> dict[str, object]:
    return {
        "code": info.code,
        "name": info.name,
        "summary": info.summary,
        "severity": str(info.severity),
        "default": info.default,
        "fix": info.fix,
        "explanation": _page(info).read(),
        "url": rule_url(info.code, info.name),
    }


def _print_markdown(text: str, color: str) -> None:
    colored, terminal = wants_color(color, sys.stdout), is_terminal(sys.stdout)
    if not (colored or terminal):
        sys.stdout.write(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    width = min(columns(sys.stdout) or 100, 100)
    console = Console(force_terminal=True, no_color=not colored, width=width)
    console.print(Markdown(text, hyperlinks=terminal))


def _print_table(color: str) -> None:
    if not is_terminal(sys.stdout):
        for info in RULES:
            name = f"{info.name:<{_longest_name()}}"
            print(f"{info.code}  {name}  {_level(info):<7}  {_fix(info):<14}  {info.summary}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("code", "name", "severity", "fix", "summary", box=None, pad_edge=False)
    for info in RULES:
        table.add_row(info.code, info.name, _level(info), _fix(info), info.summary)
    Console(no_color=not wants_color(color, sys.stdout)).print(table)


def _longest_name() -> int:
    return max((len(info.name) for info in RULES), default=0)


def _fix(info: RuleInfo) -> str:
    return info.fix or "none"


def _level(info: RuleInfo) -> str:
    return str(info.severity) if info.default else "off"
