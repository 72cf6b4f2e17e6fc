"""The catalog's data: what is written is sound, was verified against the libraries, and can be extended."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastlint.catalog.load import DATA, load_catalog
from fastlint.catalog.model import parse_type
from fastlint.catalog.tables import CatalogError, check_table, read_modules, read_table
from fastlint.cli.boundary import run
from fastlint.config.settings import Settings
from fastlint.engine.run import check

VERIFIED = json.loads((Path(__file__).parent / "data" / "catalog_verified.json").read_text(encoding="utf-8"))
TABLES: dict[str, dict[str, Any]] = {
    path.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob("*.toml"))
}
EVERY_FILE = pytest.mark.parametrize("file", TABLES)
ALWAYS_LOADED = {"asyncio.toml", *(file for file in TABLES if file.startswith("stdlib"))}
SECTIONS = ("returns", "attributes", "bases", "aliases")
GROUPS = ("blocks", "runs", "decorators", "acts", "resources", "twins")


def names_of(table: dict[str, Any]) -> set[str]:
    """Every name that a table says something about."""
    found = {name for section in SECTIONS for name in table.get(section, {})}
    return found | {name for section in GROUPS for group in table.get(section, []) for name in group["names"]}


def blocking() -> Iterator[tuple[str, str]]:
    """(name, file) of everything that blocks."""
    for file, table in TABLES.items():
        for group in table.get("blocks", []):
            for name in group["names"]:
                yield name, file


def said(section: str, key: str) -> dict[str, set[str]]:
    """Every name of a section to the words that are said of it."""
    found: dict[str, set[str]] = {}
    for table in TABLES.values():
        for group in table.get(section, []):
            for name in group["names"]:
                found.setdefault(name, set()).add(group[key])
    return found


def merged(section: str) -> dict[str, str]:
    return {name: written for table in TABLES.values() for name, written in table.get(section, {}).items()}


@EVERY_FILE
def test_follows_the_format(file: str) -> None:
    check_table(TABLES[file])


@EVERY_FILE
def test_is_read_as_toml_is(file: str) -> None:
    text = (DATA / file).read_text(encoding="utf-8")
    assert read_table(text) == TABLES[file]
    modules = TABLES[file].get("modules")
    assert read_modules(text) == (None if modules is None else frozenset(modules))


@EVERY_FILE
def test_every_name_was_verified(file: str) -> None:
    assert file in VERIFIED, f"run scripts/verify_catalog.py fastlint/catalog/data/{file}"
    entry = VERIFIED[file]
    assert all(entry["unchecked"].values()), "a name that could not be checked needs a reason"
    never = names_of(TABLES[file]) - set(entry["names"]) - set(entry["unchecked"])
    assert not never, f"run scripts/verify_catalog.py fastlint/catalog/data/{file}"


def test_every_verified_file_exists() -> None:
    assert set(VERIFIED) == set(TABLES)


@EVERY_FILE
def test_modules_say_for_which_programs_it_is_loaded(file: str) -> None:
    modules = TABLES[file].get("modules")
    if file in ALWAYS_LOADED:
        assert modules is None
    else:
        assert {name.partition(".")[0] for name in names_of(TABLES[file])} <= set(modules or ())


@EVERY_FILE
def test_advice_is_a_phrase(file: str) -> None:
    for section in ("blocks", "decorators"):
        for group in TABLES[file].get(section, []):
            advice = group.get("instead", "")
            assert advice == advice.strip()
            assert not advice.endswith(".")
            assert advice.count("`") % 2 == 0


def test_a_name_blocks_in_one_place_only() -> None:
    times = Counter(name for name, _ in blocking())
    assert not {
        name: [file for other, file in blocking() if other == name]
        for name, count in times.items()
        if count > 1
    }


def test_what_is_awaited_does_not_block() -> None:
    returns = merged("returns")
    assert not {name for name, _ in blocking() if returns.get(name, "").startswith("Awaitable[")}


@pytest.mark.parametrize("section", ["returns", "attributes", "aliases"])
def test_files_do_not_contradict_each_other(section: str) -> None:
    said: dict[str, set[str]] = {}
    for table in TABLES.values():
        for name, written in table.get(section, {}).items():
            said.setdefault(name, set()).add(written)
    assert not {name: written for name, written in said.items() if len(written) > 1}


def test_aliases_lead_to_a_name_and_not_in_circles() -> None:
    aliases = merged("aliases")
    assert not {name: canonical for name, canonical in aliases.items() if canonical in aliases}


def test_nothing_is_known_under_an_alias() -> None:
    catalog = load_catalog({module for table in TABLES.values() for module in table.get("modules", ())})
    for file, table in TABLES.items():
        for group in (group for section in GROUPS for group in table.get(section, [])):
            for spelled in (name.removesuffix(".*") for name in group["names"]):
                assert catalog.canonical(spelled) == spelled, file


def test_what_blocks_does_more_than_compute() -> None:
    catalog = load_catalog({module for table in TABLES.values() for module in table.get("modules", ())})
    assert not {name for name, _ in blocking() if "compute" in catalog.acts_of(name)}


def test_a_write_is_a_query() -> None:
    assert not {name for name, acts in said("acts", "act").items() if "write" in acts and "query" not in acts}


def test_a_call_makes_one_thing() -> None:
    assert not {name for name, made in said("resources", "resource").items() if len(made) > 1}


def described() -> dict[str, set[str]]:
    """Every class or function to the files that say what it or its members do."""
    found: dict[str, set[str]] = {}
    for file, table in TABLES.items():
        for name in names_of({**table, "aliases": {}}):
            for described in (name, name.rpartition(".")[0]):
                found.setdefault(described, set()).add(file)
    return found


def test_what_a_table_mentions_is_loaded_with_it() -> None:
    files = described()
    missing = set()
    for file, table in TABLES.items():
        # Of the web frameworks, it is the test client that gives out responses of httpx.
        modules = set(table.get("modules", ())) if file != "web.toml" else set()
        written = [
            text
            for section in ("returns", "attributes", "aliases")
            for text in table.get(section, {}).values()
        ]
        written += [base for bases in table.get("bases", {}).values() for base in bases]
        for name in re.findall(r"\w+(?:\.\w+)+", " ".join(written)):
            for other in files.get(name, set()) - ALWAYS_LOADED:
                missing |= {(other, module) for module in modules - set(TABLES[other]["modules"])}
    assert not missing


def test_only_tables_of_imported_modules_are_loaded() -> None:
    assert load_catalog(set()).effect("requests.get") is None
    assert load_catalog({"requests"}).effect("requests.get") is not None
    assert load_catalog(set()).effect("time.sleep") is not None


def test_a_user_extends_and_overrides_the_catalog() -> None:
    own = {
        "blocks": [
            {"kind": "sdk", "cost": "bounded", "instead": "`await acme.aping()`", "names": ["acme.ping"]},
            {"kind": "http", "cost": "short", "names": ["requests.get"]},
        ],
        "returns": {"acme.connect": "acme.Client", "requests.post": "acme.Answer"},
        "aliases": {"acme.client.ping": "acme.ping"},
        "bases": {"acme.Client": ["requests.Session"]},
    }
    catalog = load_catalog({"requests"}, own)
    added = catalog.effect(catalog.canonical("acme.client.ping"))
    assert added is not None
    assert (added.kind, added.cost, added.instead) == ("sdk", "bounded", "`await acme.aping()`")
    changed = catalog.effect("requests.get")
    assert changed is not None
    assert changed.cost == "short"
    assert catalog.return_type("acme.connect") == parse_type("acme.Client")
    assert catalog.return_type("requests.post") == parse_type("acme.Answer")
    assert catalog.member("acme.Client", "get") == "requests.Session.get"


def test_a_user_says_what_calls_do() -> None:
    own = {
        "acts": [
            {"act": "query", "names": ["acme.Table.*", "acme.Table.save"]},
            {"act": "write", "names": ["acme.Table.save"]},
            {"act": "compute", "names": ["acme.Table.copy", "acme.colors.*"]},
        ],
        "bases": {"acme.View": ["acme.Table"]},
    }
    catalog = load_catalog(set(), own)
    assert catalog.acts_of("acme.Table.save") == {"query", "write"}
    assert catalog.acts_of("acme.Table.find") == {"query"}
    assert catalog.acts_of("acme.Table.copy") == {"compute"}
    assert catalog.acts_of("acme.colors.mix") == {"compute"}
    assert catalog.acts_of("acme.paint") == frozenset()
    assert catalog.member("acme.View", "save") == "acme.Table.save"
    assert catalog.member("acme.View", "find") == "acme.Table.find"


def test_a_user_says_what_calls_make() -> None:
    own = {
        "resources": [
            {"resource": "client", "cost": "unbounded", "close": ["stop"], "names": ["acme.Client"]},
            {"resource": "session", "cost": "short", "names": ["acme.Factory.__call__"]},
        ],
    }
    catalog = load_catalog(set(), own)
    client = catalog.resource("acme.Client")
    assert client is not None
    assert (client.kind, client.cost, client.rank) == ("client", "unbounded", 2)
    assert client.close == {"stop"}
    session = catalog.resource("acme.Factory")
    assert session is not None
    assert (session.kind, session.close, session.rank) == ("session", frozenset(), 0)
    assert catalog.resource("acme.Client.ping") is None


def test_what_the_catalog_says_of_a_session() -> None:
    catalog = load_catalog({"sqlalchemy", "sqlmodel"})
    session = "sqlmodel.ext.asyncio.session.AsyncSession"
    assert catalog.acts_of(catalog.member(session, "exec")) == {"query"}
    assert catalog.acts_of(catalog.member(session, "execute")) == {"query"}
    assert catalog.acts_of(catalog.member(session, "commit")) == {"commit"}
    assert catalog.acts_of(catalog.member(session, "add")) == {"compute"}
    made = catalog.resource("sqlalchemy.ext.asyncio.async_sessionmaker.__call__")
    assert made is not None
    assert "close" in made.close


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"block": []}, 'unknown key "block" in the catalog; did you mean "blocks"?'),
        ({"blocks": {"kind": "http"}}, '"blocks" in the catalog must be written as [[catalog.blocks]]'),
        ({"blocks": [{"kind": "http", "cost": "bounded"}]}, '[[catalog.blocks]] number 1 lacks "names"'),
        ({"blocks": [{"kind": "http", "names": ["a.b"]}]}, '[[catalog.blocks]] number 1 lacks "cost"'),
        (
            {"blocks": [{"name": ["a.b"]}]},
            'unknown key "name" in [[catalog.blocks]] number 1; did you mean "names"?',
        ),
        ({"blocks": [{"names": "a.b"}]}, '"names" in [[catalog.blocks]] number 1 must be a list of strings'),
        (
            {"blocks": [{"unless": ["wait"]}]},
            '"unless" in [[catalog.blocks]] number 1 must hold conditions such as',
        ),
        (
            {"blocks": [{"kind": "htpp"}]},
            '"kind" in [[catalog.blocks]] number 1 must be one of "sleep", "http"',
        ),
        ({"blocks": [{"cost": 3}]}, '"cost" in [[catalog.blocks]] number 1 must be one of "short"'),
        ({"blocks": [{"instead": ["x"]}]}, '"instead" in [[catalog.blocks]] number 1 must be a string'),
        ({"runs": [{"where": "thread", "names": ["a.b"]}]}, '[[catalog.runs]] number 1 lacks "callable"'),
        (
            {"runs": [{"callable": [True]}]},
            '"callable" in [[catalog.runs]] number 1 must be a list of positions',
        ),
        (
            {"decorators": [{"effect": "blocks", "names": ["a.b"]}]},
            '[[catalog.decorators]] number 1 lacks "kind"',
        ),
        ({"acts": {"act": "query"}}, '"acts" in the catalog must be written as [[catalog.acts]]'),
        ({"acts": [{"names": ["a.b"]}]}, '[[catalog.acts]] number 1 lacks "act"'),
        ({"acts": [{"act": "querry"}]}, '"act" in [[catalog.acts]] number 1 must be one of "query", "write"'),
        (
            {"acts": [{"act": "query", "cost": "short"}]},
            'unknown key "cost" in [[catalog.acts]] number 1',
        ),
        (
            {"resources": [{"resource": "pool", "names": ["a.b"]}]},
            '[[catalog.resources]] number 1 lacks "cost"',
        ),
        (
            {"resources": [{"resource": "pools"}]},
            '"resource" in [[catalog.resources]] number 1 must be one of "engine", "pool"',
        ),
        (
            {"resources": [{"close": "close"}]},
            '"close" in [[catalog.resources]] number 1 must be a list of strings',
        ),
        ({"returns": {"a.b": "list["}}, '"a.b" in [catalog.returns] is "list[", which is no type'),
        ({"attributes": {"a": {"b": "int"}}}, "[catalog.attributes] must map names to strings; quote names"),
        ({"aliases": {"a.b": "a.b"}}, '"a.b" in [catalog.aliases] is an alias of itself'),
        ({"bases": {"a.B": "a.C"}}, "[catalog.bases] must map classes to lists of their bases"),
        ({"modules": "a"}, '"modules" in the catalog must be a list of strings'),
    ],
)
def test_a_mistake_of_the_user_is_named(own: dict[str, object], message: str) -> None:
    with pytest.raises(CatalogError) as raised:
        load_catalog(set(), own)
    assert str(raised.value).startswith(message)


def lint(directory: Path, program: str, own: dict[str, object]) -> list[tuple[str, int]]:
    (directory / "main.py").write_text(program, encoding="utf-8")
    settings = Settings(root=directory, paths=(directory,), cwd=directory, cache=False, catalog=own)
    return [(found.code, found.location.row) for found in check(settings).diagnostics]


PROGRAM = """\
import acme
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def read():
    client = acme.Client()
    client.status
    return client.ping()
"""


def test_a_call_that_the_user_describes_is_reported(tmp_path: Path) -> None:
    own = {"blocks": [{"kind": "sdk", "cost": "unbounded", "names": ["acme.Client.ping"]}]}
    assert lint(tmp_path, PROGRAM, {}) == []
    assert lint(tmp_path, PROGRAM, own) == [("FL105", 11)]


def test_a_property_that_blocks_is_reported(tmp_path: Path) -> None:
    own = {
        "blocks": [{"kind": "sdk", "cost": "unbounded", "names": ["acme.Client.status"]}],
        "attributes": {"acme.Client.status": "str"},
    }
    assert lint(tmp_path, PROGRAM, own) == [("FL105", 10)]


def test_a_property_of_a_library_is_reported(tmp_path: Path) -> None:
    program = PROGRAM.replace("import acme", "import yfinance as acme").replace("Client()", "Ticker('X')")
    assert lint(tmp_path, program.replace(".status", ".info"), {}) == [("FL102", 10)]


def test_a_mistake_ends_the_run_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.py").write_text(PROGRAM, encoding="utf-8")
    table = '[[catalog.blocks]]\nkind = "disk"\ncost = "bounded"\nnames = ["acme.ping"]\n'
    (tmp_path / "fastlint.toml").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(["check"]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: "kind" in [[catalog.blocks]] number 1 must be one of')
    assert error.count("\n") == 1
