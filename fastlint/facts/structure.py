"""Questions about the facts of one function: what an expression contains, what stands around a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fastlint.facts.model import Event, Expr, FunctionFacts, Region, Span

_FIRST = frozenset(
    {"attr", "star", "await", "elem", "aelem", "enter", "aenter", "not", "instance", "generator", "item"}
)
_SEVERAL = frozenset({"list", "tuple", "set", "any", "text", "compare", "other"})
_LEAVES = frozenset({"name", "const", "unknown", "lit", "import", "lambda", "def", "class", "member"})


def children(expr: Expr) -> Sequence[Expr]:
    """Return the expressions that an expression is made of."""
    tag = expr[0]
    if tag in _LEAVES:
        return ()
    if tag in _FIRST:
        return (expr[1],)
    if tag == "call":
        _, base, args, keywords, _ = expr
        return (base, *args, *[value for _, value in keywords]) if keywords else (base, *args)
    if tag in _SEVERAL:
        return tuple(expr[1])
    if tag == "dict":
        return (*expr[1], *expr[2])
    if tag in ("sub", "except"):
        return expr[1:3]
    if tag == "binop":
        return expr[2:4]
    if tag == "typed":
        return [part for part in expr[1:3] if part is not None]
    return (expr[2],) if tag == "within" else ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield an expression and all that is in it; the bodies of lambdas are functions of their own."""
    pending = [expr]
    while pending:
        current = pending.pop()
        yield current
        pending += children(current)


def parts_of(exprs: Iterable[Expr], seen: set[int] | None = None) -> Iterator[Expr]:
    """Yield expressions and all that is in them, each once, though the call around a call contains it again.

    `seen` holds the identities of parts that were yielded before.
    """
    seen = set() if seen is None else seen
    pending = list(exprs)
    while pending:
        current = pending.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            pending += children(current)


def evaluated(facts: FunctionFacts) -> Iterator[Expr]:
    """Yield the parts of all that a function evaluates, each once; of long chains of attributes the first ones."""
    values = (value for bindings in facts.bindings.values() for _, _, value in bindings)
    seen: set[int] = set()
    pending = [*(event[1] for event in facts.events), *facts.returns, *values]
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        while (
            part[0] == "attr"
            and part[1][0] == "attr"
            and part[1][1][0] == "attr"
            and part[1][1][1][0] == "attr"
        ):
            part = part[1]
            seen.add(id(part))
        yield part
        pending.extend(children(part))


def mentions(expr: Expr, name: str) -> bool:
    """Tell whether an expression reads a name."""
    return any(part[0] == "name" and part[1] == name for part in walk(expr))


def last_name(expr: Expr) -> str:
    """Return the last part of a name or attribute, or nothing for what has no name."""
    return str(expr[2]) if expr[0] == "attr" else str(expr[1]) if expr[0] == "name" else ""


def root(expr: Expr) -> str:
    """Return the name that an expression starts with, unless it awaits something: `a` of `a.b[0].c()`."""
    while expr[0] in ("attr", "sub", "call"):
        expr = expr[1]
    return str(expr[1]) if expr[0] == "name" else ""


def leaf(expr: Expr) -> str:
    """Return the last name of an expression, whatever item of it or call of it is meant: `b` of `a.b[0]`."""
    while expr[0] in ("sub", "call"):
        expr = expr[1]
    return last_name(expr)


def called_name(call: Expr) -> str:
    """Return the last part of the name that a call is written with, or nothing."""
    return last_name(call[1])


def unwrapped(expr: Expr) -> Expr:
    """Return what is awaited, entered or declared: the call in `await f()`, `with f() as x`, `x: T = f()`."""
    while expr[0] in ("await", "enter", "aenter", "typed") and expr[-1] is not None:
        expr = expr[2] if expr[0] == "typed" else expr[1]
    return expr


def is_inside(inner: Span, outer: Span) -> bool:
    """Tell whether a span lies within another one."""
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def regions_around(facts: FunctionFacts, span: Span, *kinds: str) -> list[Region]:
    """Return the regions of those kinds (all, if none are named) that a place is in, innermost first."""
    if not facts.regions:
        return []
    found = [r for r in facts.regions if (not kinds or r[0] in kinds) and is_inside(span, r[1])]
    return sorted(found, key=lambda region: region[1], reverse=True)


def handlers_of(facts: FunctionFacts, region: Region) -> list[Region]:
    """Return the `except` and `finally` regions that belong to the same `try` as a region."""
    return [r for r in facts.regions if r[0] in ("except", "finally") and r[3] == region[3]]


def blocks_around(facts: FunctionFacts, block: int) -> Iterator[tuple[int, str, Expr]]:
    """Yield (index, kind, detail) of a block and of those around it, innermost first."""
    while block >= 0:
        parent, kind, detail = facts.blocks[block]
        yield block, kind, detail
        block = parent


def loops_around(facts: FunctionFacts, block: int) -> list[tuple[int, str, Expr]]:
    """Return (index, kind, detail) of the loops around a block: "loop" with what it iterates, or "while"."""
    return [found for found in blocks_around(facts, block) if found[1] in ("loop", "while")]


def events_in(facts: FunctionFacts, span: Span, *kinds: str) -> list[Event]:
    """Return the events of those kinds within a span, in the order in which they run."""
    return [e for e in facts.events if (not kinds or e[0] in kinds) and is_inside(e[5], span)]


def absent(condition: Expr, *, negated: bool) -> frozenset[str]:
    """Return the names that must be None, or nothing, for a condition to hold, or not to: `x is None`, `not x`."""
    tag = condition[0]
    if tag == "not":
        return absent(condition[1], negated=not negated)
    if tag == "name":
        return frozenset({condition[1]}) if negated else frozenset()
    if tag == "compare" and len(condition[2]) == 1:
        left, right = condition[1]
        is_none = condition[2][0] in ("Is", "Eq")
        if left[0] == "name" and right == ("const", None) and is_none != negated:
            return frozenset({left[1]})
    return frozenset()


def names_bound_to(facts: FunctionFacts, call: Expr) -> list[str]:
    """Return the names that receive the value of a call, awaited or entered or as it is."""
    return [
        name
        for name, bindings in facts.bindings.items()
        if any(unwrapped(value) is call for _, _, value in bindings)
    ]


def outlives_call(base: Expr, facts: FunctionFacts, *, is_maker: bool) -> bool:
    """Tell whether what hangs on an expression is kept after a call: `self.x`, `CACHE[key]`, `app.state.x`.

    What a maker (a constructor) sets on its object lives as long as that.
    """
    words = []
    while base[0] in ("attr", "sub", "call"):
        if base[0] == "attr":
            words.append(str(base[2]))
        base = base[1]
    if base[0] != "name":
        return False
    root = str(base[1])
    if "app" in (*words, root) or root == "cls":
        return True
    parameters = {parameter.name for parameter in facts.parameters}
    if root == "self" and root in parameters:
        return not is_maker
    return root not in parameters and (root not in facts.bindings or root in facts.outer_names)
