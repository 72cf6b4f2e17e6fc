"""Show each rule what it wants to see, and collect what it says."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastlint.application.contexts import Application
from fastlint.catalog.model import Effect
from fastlint.engine.sources import SourceLines
from fastlint.facts.structure import called_name
from fastlint.project.calls import Sink, Site
from fastlint.project.program import Frame
from fastlint.project.reach import Way
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding, Link
from fastlint.rules.registry import BLOCKING, CONSTRUCTION, MODEL, OCCUPYING, RuleInfo

if TYPE_CHECKING:
    from fastlint.rules.base import Rule, Suspect, Verdict
    from fastlint.rules.model_rule import ModelRule

LOG_HANDLERS = frozenset({
    "logging.handlers.SMTPHandler", "logging.handlers.HTTPHandler", "logging.handlers.SocketHandler",
    "logging.handlers.SysLogHandler", "logging_loki.LokiHandler", "logstash.TCPLogstashHandler",
    "logstash.LogstashHandler", "splunk_handler.SplunkHandler", "graypy.GELFTCPHandler",
})  # fmt: skip

MOST_PLACES = 40
"""More places than this that end in one blocking call are one diagnostic, at that call."""


def judge(
    application: Application, rules: Iterable[RuleInfo], sources: SourceLines
) -> list[tuple[RuleInfo, Finding]]:
    """Return what the rules find, each with its rule.

    libcst is imported only if there is something to look at.
    """
    chosen = list(rules)
    verdicts = _about_suspects(application, chosen, sources)
    found = [(rule, _finding(verdict, _rule_class(rule))) for rule, verdict in verdicts]
    for rule in chosen:
        if rule.suspects == MODEL:
            found += [(rule, finding) for finding in _about_model(rule, application)]
    return found


def _about_model(rule: RuleInfo, application: Application) -> Iterable[Finding]:
    """Return what a rule finds in the model of the application, the worst for each place."""
    kept: dict[object, Finding] = {}
    checker: ModelRule = _rule_class(rule)(application)
    for finding in checker.find():
        place = (finding.path, finding.span)
        if place not in kept or finding.severity > kept[place].severity:
            kept[place] = finding
    return kept.values() if kept and checker.applies() else ()


def _about_suspects(
    application: Application, chosen: list[RuleInfo], sources: SourceLines
) -> list[tuple[RuleInfo, Verdict]]:
    """Return what rules say of suspicious expressions."""
    found: list[tuple[RuleInfo, Verdict]] = []
    gathered = {
        BLOCKING: _blocking(application),
        OCCUPYING: _occupying(application),
        CONSTRUCTION: _constructions(application),
    }
    for suspects_kind, raw in gathered.items():
        interested = [rule for rule in chosen if rule.suspects == suspects_kind]
        asking: dict[str, list[tuple[RuleInfo, type[Rule]]]] = {}
        for site, way, phase in raw if interested else ():
            kind = way.sink.effect.kind
            if kind not in asking:
                rules = (rule for rule in interested if not rule.kinds or kind in rule.kinds)
                asking[kind] = [(rule, _rule_class(rule)) for rule in rules]
            if asking[kind]:
                found += _show(asking[kind], _suspect(site, way, phase, application), sources)
    return _grouped(_root_causes(found)) if found else []


def _suspect(site: Site, way: Way, phase: str, application: Application) -> Suspect:
    from fastlint.rules.base import Suspect

    return Suspect(site, way, phase, application)


def _show(
    rules: list[tuple[RuleInfo, type[Rule]]], suspect: Suspect, sources: SourceLines
) -> Iterator[tuple[RuleInfo, Verdict]]:
    concerned = [(rule, visitor) for rule, visitor in rules if visitor.concerns(suspect)]
    if not concerned:
        return
    node = sources.expression(suspect.frame.function.module.path, suspect.site.event[5])
    if node is None:
        return
    for rule, visitor in concerned:
        reported: list[Verdict] = []
        node.visit(visitor(suspect, reported.append))
        for verdict in reported:
            yield rule, verdict


def _rule_class(rule: RuleInfo) -> Any:
    """Return the class of a rule: a `Rule`, or a `ModelRule` if it is about the model."""
    module = importlib.import_module(rule.module)
    return getattr(module, "".join(part.capitalize() for part in rule.name.split("-")))


def _finding(verdict: Verdict, rule: type[Rule]) -> Finding:
    """Return the finding of which a rule spoke, with the chains that prove it."""
    suspect = verdict.suspect
    chain = [_link(way) for each in (suspect, *verdict.others) for way in each.application.chain(each.way)]
    notes: tuple[str, ...] = ()
    if verdict.others:
        rows = ", ".join(str(other.site.event[5][0]) for other in verdict.others)
        notes = (f"the same function does so again in line{'s' if len(verdict.others) > 1 else ''} {rows}",)
    return Finding(
        suspect.frame.function,
        suspect.site.event[5],
        verdict.severity,
        verdict.message(),
        verdict.advice(),
        tuple(chain),
        suspect.entries(),
        notes,
        rule.fix_of(verdict),
    )


def _link(way: Way) -> Link:
    target = way.callee.function.label if way.callee is not None else way.sink.name
    return Link(way.site.frame.function, way.site.event[5], way.site.event[1], target)


def _root_causes(found: list[tuple[RuleInfo, Verdict]]) -> list[tuple[RuleInfo, Verdict]]:
    """Where very many places end in the same blocking call, report that call, once."""
    by_sink: dict[object, list[tuple[RuleInfo, Verdict]]] = defaultdict(list)
    ends: dict[tuple[Frame, str], Site] = {}
    for rule, verdict in found:
        sink = _end(verdict.suspect, ends)
        by_sink[rule.code, sink.frame.function, sink.event[5]].append((rule, verdict))
    kept = []
    for group in by_sink.values():
        places = {(f.suspect.frame.function, f.suspect.site.event[5]) for _, f in group}
        if len(places) <= MOST_PLACES or not all(_is_mended_once(verdict) for _, verdict in group):
            kept += group
            continue
        rule, verdict = max(group, key=lambda pair: _badness(pair[1]))
        kept.append((rule, _at_the_end(verdict, len(places))))
    return kept


def _at_the_end(verdict: Verdict, places: int) -> Verdict:
    """Return a verdict about the blocking call in which many places end, in place of one about such a place."""
    from fastlint.rules.base import Suspect

    suspect = verdict.suspect
    end = suspect.application.chain(suspect.way)[-1]
    there = Suspect(end.site, end, suspect.phase, suspect.application)
    return replace(
        verdict,
        suspect=there,
        message=lambda: (
            f"{places} places on the event loop end in this `{suspect.target}`, and every request waits for it"
        ),
        advice=lambda: (
            "Mend it once, here: remember the result, make it async, or move it off the event loop"
        ),
    )


def _end(suspect: Suspect, known: dict[tuple[Frame, str], Site]) -> Site:
    """Return the blocking call in which a suspect ends; all who call the same function end in the same one."""
    way = suspect.way
    if way.callee is None:
        return way.site
    key = (way.callee, suspect.effect.kind)
    if key not in known:
        known[key] = suspect.application.chain(way)[-1].site
    return known[key]


def _is_mended_once(verdict: Verdict) -> bool:
    """Tell whether one change at the blocking call can mend it for all callers.

    Unbounded queries and requests differ from caller to caller; what is cheap or local does not.
    """
    effect = verdict.suspect.effect
    return effect.cost != "unbounded" or effect.kind in ("cpu", "file", "sleep", "wait")


def _grouped(found: list[tuple[RuleInfo, Verdict]]) -> list[tuple[RuleInfo, Verdict]]:
    """Keep one verdict per place and rule, or per function where the rule wants that: the worst."""
    groups: dict[object, list[tuple[RuleInfo, Verdict]]] = defaultdict(list)
    for rule, verdict in found:
        function = verdict.suspect.frame.function
        place = () if rule.per_function else verdict.suspect.site.event[5]
        groups[rule.code, function, place].append((rule, verdict))
    return [_merge(group) for group in groups.values()]


def _merge(group: list[tuple[RuleInfo, Verdict]]) -> tuple[RuleInfo, Verdict]:
    rule = group[0][0]
    by_place: dict[object, Verdict] = {}
    for _, verdict in group:
        place = verdict.suspect.site.event[5]
        known = by_place.get(place)
        if known is None or _badness(verdict) > _badness(known):
            by_place[place] = verdict
    worst = max(verdict.severity for verdict in by_place.values())
    ordered = sorted(by_place.values(), key=lambda f: (f.severity != worst, f.suspect.site.event[5]))
    others = tuple(verdict.suspect for verdict in ordered[1:] if verdict.severity == worst)
    return rule, replace(ordered[0], others=others)


def _badness(verdict: Verdict) -> tuple[int, int]:
    return verdict.severity, -verdict.suspect.way.length


def _blocking(application: Application) -> Iterator[tuple[Site, Way, str]]:
    """Yield every place on the event loop where plain code begins that blocks."""
    for frame, phase in application.on_loop.items():
        for site in application.resolver.sites(frame):
            for way in application.reach.ways_from(site):
                yield site, way, phase


def _occupying(application: Application) -> Iterator[tuple[Site, Way, str]]:
    """Yield the blocking calls that the thread pool runs for requests, where they stand."""
    seen: set[Frame] = set()
    pending = list(application.in_thread)
    while pending:
        frame = pending.pop()
        if frame in seen:
            continue
        seen.add(frame)
        for site in application.resolver.sites(frame):
            pending += site.runs
            for sink in site.sinks:
                yield site, Way(site, None, sink, 1), "request"


def _constructions(application: Application) -> Iterator[tuple[Site, Way, str]]:
    """Yield the places where log handlers that reach the network are made."""
    if not any(entry.kind == "route" for entry in application.entries):
        return
    effect = Effect("network", "unbounded")
    queued = _behind_queues(application)
    program = application.program
    for function in program.functions_naming(program.renamed(_last_names(LOG_HANDLERS))):
        for event in function.facts.events:
            if event[0] not in ("call", "drop") or not called_name(event[1]).endswith("Handler"):
                continue
            if (function.module, event[5]) in queued:
                continue
            frame = application.program.generic_frame(function)
            for value in application.inference.values(event[1][1], frame):
                if isinstance(value, LibraryName) and value.name in LOG_HANDLERS:
                    site = Site(frame, event)
                    yield site, Way(site, None, Sink(value.name, effect), 1), "request"


def _last_names(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def _behind_queues(application: Application) -> set[object]:
    """Return the places where handlers are made that a `QueueListener` serves, from a thread of its own."""
    found: set[object] = set()
    for function in application.program.functions_naming(("QueueListener",)):
        for event in function.facts.events:
            if event[0] in ("call", "drop") and called_name(event[1]) == "QueueListener":
                for argument in event[1][2]:
                    values = [argument]
                    if argument[0] == "name":
                        bindings = function.facts.bindings.get(argument[1])
                        bindings = bindings or function.module.facts.functions[0].bindings.get(
                            argument[1], []
                        )
                        values = [value for _, _, value in bindings]
                    found.update((function.module, value[4]) for value in values if value[0] == "call")
    return found
