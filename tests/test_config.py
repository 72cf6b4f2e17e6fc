"""Settings: where they come from, which win, what is refused; and the rules they turn on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fastlint.config.errors import ConfigError
from fastlint.config.load import CommandLine, load_settings
from fastlint.config.selection import Selection
from fastlint.config.settings import DEFAULT_EXCLUDE, Selectors, Settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is also the current directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTLINT_CACHE_DIR", raising=False)
    return tmp_path


def test_defaults(project: Path) -> None:
    settings = load_settings([])
    assert settings.root == project
    assert settings.paths == (project,)
    assert settings.select is None
    assert settings.exclude == DEFAULT_EXCLUDE
    assert settings.output_format == "full"
    assert settings.cache_dir == project / ".fastlint_cache"
    assert settings.config_file is None


def test_every_key_is_read(project: Path) -> None:
    (project / "fastlint.toml").write_text(
        """
        select = ["FL1"]
        ignore = ["FL101"]
        extend-select = ["FL2"]
        extend-ignore = ["FL201"]
        exclude = ["old"]
        extend-exclude = ["older"]
        force-exclude = true
        respect-gitignore = false
        fastapi-version = "0.115"
        output-format = "json"
        cache-dir = "tmp/cache"
        [per-file-ignores]
        "tests/*" = ["ALL"]
        [catalog.client]
        anything = [1, { goes = true }]
        """
    )
    settings = load_settings([])
    assert settings == Settings(
        root=project,
        paths=(project,),
        cwd=project,
        select=("FL1",),
        ignore=("FL101",),
        extend_select=("FL2",),
        extend_ignore=("FL201",),
        exclude=("old",),
        extend_exclude=("older",),
        force_exclude=True,
        respect_gitignore=False,
        fastapi_version="0.115",
        output_format="json",
        cache_dir=project / "tmp/cache",
        per_file_ignores={"tests/*": ("ALL",)},
        catalog={"client": {"anything": [1, {"goes": True}]}},
        config_file=project / "fastlint.toml",
    )


def test_pyproject_is_found_upwards_and_makes_the_root(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.fastlint]\nselect = ["FL101"]\n')
    (project / "app/api").mkdir(parents=True)
    (project / "app/pyproject.toml").write_text('[project]\nname = "app"\n')
    settings = load_settings(["app/api"])
    assert settings.root == project
    assert settings.select == ("FL101",)


def test_the_search_starts_at_the_first_path(project: Path) -> None:
    (project / "fastlint.toml").write_text('select = ["FL1"]\n')
    (project / "service").mkdir()
    (project / "service/main.py").touch()
    (project / "service/.fastlint.toml").write_text('select = ["FL2"]\n')
    settings = load_settings(["service/main.py", "."])
    assert settings.select == ("FL2",)
    assert settings.root == project / "service"


def test_own_file_wins_over_pyproject(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.fastlint]\nselect = ["FL1"]\n')
    (project / "fastlint.toml").write_text('select = ["FL2"]\n')
    assert load_settings([]).select == ("FL2",)


def test_isolated_leaves_files_alone(project: Path) -> None:
    (project / "fastlint.toml").write_text("nonsense = 1\n")
    settings = load_settings([], CommandLine(isolated=True))
    assert settings.select is None
    assert settings.root == project


def test_a_named_file_replaces_the_one_that_would_be_found(project: Path) -> None:
    (project / "fastlint.toml").write_text("nonsense = 1\n")
    (project / "ci").mkdir()
    (project / "ci/strict.toml").write_text('select = ["ALL"]\n')
    settings = load_settings([], CommandLine(config=("ci/strict.toml",)))
    assert settings.select == ("ALL",)
    assert settings.root == project


def test_pieces_of_toml_win_over_the_file(project: Path) -> None:
    (project / "fastlint.toml").write_text('output-format = "json"\nselect = ["FL1"]\n')
    given = CommandLine(config=('output-format = "concise"', "per-file-ignores.'a.py' = ['FL1']"))
    settings = load_settings([], given)
    assert settings.output_format == "concise"
    assert settings.select == ("FL1",)
    assert settings.per_file_ignores == {"a.py": ("FL1",)}


def test_options_win_over_the_file(project: Path) -> None:
    (project / "fastlint.toml").write_text(
        'output-format = "json"\nexclude = ["a"]\nextend-exclude = ["b"]\nselect = ["FL1"]\n'
        'fastapi-version = "0.100"\n'
    )
    given = CommandLine(
        selectors=Selectors(select=("FL2",)),
        exclude=("c",),
        extend_exclude=("d",),
        fastapi_version="0.115.2",
        output_format="github",
        cache=False,
    )
    settings = load_settings([], given)
    assert settings.exclude == ("c",)
    assert settings.extend_exclude == ("b", "d")
    assert settings.fastapi_version == "0.115.2"
    assert settings.output_format == "github"
    assert settings.command_line.select == ("FL2",)
    assert not settings.cache


def test_patterns_of_the_command_line_are_relative_to_the_current_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text("[tool.fastlint]\n")
    (project / "app").mkdir()
    monkeypatch.chdir(project / "app")
    settings = load_settings([], CommandLine(extend_exclude=("api/*.py", "./x/y.py", "name", "dir/")))
    assert settings.extend_exclude == ("/app/api/*.py", "/app/x/y.py", "name", "dir/")


def test_the_environment_names_the_cache(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTLINT_CACHE_DIR", "/somewhere/else")
    assert load_settings([]).cache_dir == Path("/somewhere/else")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("selct = []", 'unknown key "selct" in fastlint.toml; did you mean "select"?'),
        ("extend_select = []", 'unknown key "extend_select" in fastlint.toml; did you mean "extend-select"?'),
        ("zzz = 1", 'unknown key "zzz" in fastlint.toml'),
        ('select = "FL1"', '"select" in fastlint.toml must be a list of strings, not a string'),
        (
            "ignore = [1]",
            '"ignore" in fastlint.toml must be a list of strings, not a list with an integer in it',
        ),
        ("force-exclude = 1", '"force-exclude" in fastlint.toml must be true or false, not an integer'),
        ("cache-dir = 2026-01-01", '"cache-dir" in fastlint.toml must be a string, not a date or time'),
        ("catalog = true", '"catalog" in fastlint.toml must be a table, not a boolean'),
        (
            'per-file-ignores = { "a.py" = "FL1" }',
            '"per-file-ignores" in fastlint.toml must map patterns to lists of rules; "a.py" is a string',
        ),
        (
            "fastapi-version = 0.115",
            '"fastapi-version" in fastlint.toml must be a version in quotes such as "0.115", not a number',
        ),
        (
            'fastapi-version = ">=0.115"',
            '"fastapi-version" in fastlint.toml must be a version such as "0.115", not ">=0.115"',
        ),
        (
            'output-format = "jsn"',
            '"output-format" in fastlint.toml must be one of "full", "concise", "json", "github", '
            'not "jsn"; did you mean "json"?',
        ),
        ("select = [", "fastlint.toml is not valid TOML: "),
    ],
)
def test_a_wrong_file_is_refused_by_name(project: Path, text: str, message: str) -> None:
    (project / "fastlint.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_settings([])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_messages_name_the_table_of_pyproject(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.fastlint]\nselct = []\n")
    with pytest.raises(ConfigError, match=r'unknown key "selct" in \[tool.fastlint\] of pyproject.toml'):
        load_settings([])


def test_a_table_of_another_type_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool]\nfastlint = 1\n")
    with pytest.raises(ConfigError, match=r"\[tool.fastlint\] in pyproject.toml must be a table"):
        load_settings([])


def test_a_file_in_another_encoding_is_refused(project: Path) -> None:
    (project / "fastlint.toml").write_bytes('select = ["é"]'.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load_settings([])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (CommandLine(config=("nope.toml",)), "there is no such file, and it is not KEY=VALUE"),
        (CommandLine(config=("output-format=json",)), "strings need quotes"),
        (CommandLine(config=("a.toml", "b.toml")), "names two files, a.toml and b.toml"),
        (CommandLine(config=("a.toml",), isolated=True), "contradict each other"),
        (CommandLine(fastapi_version="latest"), '--fastapi-version must be a version such as "0.115", not'),
        (CommandLine(config=("selct=[]",)), 'unknown key "selct" in --config; did you mean "select"?'),
    ],
)
def test_wrong_config_options_are_refused(project: Path, given: CommandLine, message: str) -> None:
    (project / "a.toml").touch()
    (project / "b.toml").touch()
    with pytest.raises(ConfigError) as error:
        load_settings([], given)
    assert message in str(error.value)


@dataclass(frozen=True)
class Rule:
    code: str
    name: str
    default: bool = True


RULES = (
    Rule("FL101", "blocking-sleep"),
    Rule("FL102", "blocking-http-call"),
    Rule("FL110", "heavy-computation", default=False),
    Rule("FL201", "n-plus-one"),
    Rule("FL900", "syntax-error"),
    Rule("FL990", "unused-suppression", default=False),
)


def enabled(**options: object) -> list[str]:
    """The enabled codes for the given settings, without the FL9xx that are always there."""
    settings = Settings(root=Path("/p"), paths=(), cwd=Path("/p"), **options)  # type: ignore[arg-type]
    selection = Selection(settings, RULES)
    return [rule.code for rule in RULES if selection.is_enabled(rule.code) and rule.code != "FL900"]


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ({}, ["FL101", "FL102", "FL201"]),
        ({"select": ("FL101",)}, ["FL101"]),
        ({"select": ("blocking-sleep",)}, ["FL101"]),
        ({"select": ("FL1",)}, ["FL101", "FL102", "FL110"]),
        ({"select": ("FL10",)}, ["FL101", "FL102"]),
        ({"select": ("ALL",)}, ["FL101", "FL102", "FL110", "FL201", "FL990"]),
        ({"select": ()}, []),
        ({"ignore": ("FL1",)}, ["FL201"]),
        ({"extend_select": ("FL110",)}, ["FL101", "FL102", "FL110", "FL201"]),
        ({"extend_ignore": ("n-plus-one",)}, ["FL101", "FL102"]),
        ({"select": ("FL1",), "ignore": ("FL101",)}, ["FL102", "FL110"]),
        ({"select": ("FL101",), "ignore": ("FL1",)}, ["FL101"]),
        (
            {"select": ("ALL",), "ignore": ("FL1",), "extend_select": ("FL10",)},
            ["FL101", "FL102", "FL201", "FL990"],
        ),
        ({"select": ("FL101",), "ignore": ("FL101",)}, []),
        ({"select": ("FL101",), "ignore": ("blocking-sleep",)}, []),
        ({"ignore": ("ALL",)}, []),
    ],
)
def test_selectors_of_one_source(options: dict[str, object], codes: list[str]) -> None:
    assert enabled(**options) == codes


@pytest.mark.parametrize(
    ("options", "given", "codes"),
    [
        ({"select": ("FL1",)}, Selectors(select=("FL2",)), ["FL201"]),
        ({"select": ("FL101",)}, Selectors(ignore=("FL1",)), []),
        ({"ignore": ("FL101",)}, Selectors(extend_select=("FL1",)), ["FL101", "FL102", "FL110", "FL201"]),
        ({"ignore": ("FL101",)}, Selectors(select=("FL10",)), ["FL101", "FL102"]),
        ({"select": ("FL1",)}, Selectors(extend_ignore=("FL102",)), ["FL101", "FL110"]),
    ],
)
def test_the_command_line_overrules_the_file(
    options: dict[str, object], given: Selectors, codes: list[str]
) -> None:
    assert enabled(**options, command_line=given) == codes


def test_rules_about_the_run_stay_unless_ignored() -> None:
    def settings(select: tuple[str, ...], ignore: tuple[str, ...] = ()) -> Settings:
        return Settings(root=Path("/p"), paths=(), cwd=Path("/p"), select=select, ignore=ignore)

    assert Selection(settings(("FL101",)), RULES).is_enabled("FL900")
    assert not Selection(settings(("FL101",)), RULES).is_enabled("FL990")
    assert not Selection(settings(("FL101",), ("FL900",)), RULES).is_enabled("FL900")


def test_what_is_asked_for_is_explicit() -> None:
    def explicit(**options: object) -> list[str]:
        settings = Settings(root=Path("/p"), paths=(), cwd=Path("/p"), **options)  # type: ignore[arg-type]
        selection = Selection(settings, RULES)
        return [rule.code for rule in RULES if selection.is_explicit(rule.code)]

    assert explicit() == []
    assert explicit(extend_select=("FL10",)) == ["FL101", "FL102"]
    assert explicit(select=("ALL",)) == [rule.code for rule in RULES]
    assert explicit(select=("n-plus-one",), command_line=Selectors(extend_select=("FL101",))) == [
        "FL101",
        "FL201",
    ]
    assert explicit(select=("FL1",), command_line=Selectors(select=("FL2",))) == ["FL201"]
    assert explicit(ignore=("FL1",)) == []


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("blocking-slep", '; did you mean "blocking-sleep"?'),
        ("blocking_sleep", '; did you mean "blocking-sleep"?'),
        ("fl101", '; did you mean "FL101"?'),
        ("FL3", ""),
        ("F", ""),
        ("", ""),
    ],
)
def test_an_unknown_rule_is_refused(word: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        enabled(extend_ignore=(word,))
    assert str(error.value).startswith(f'unknown rule "{word}" in "extend-ignore"{hint}')


def test_per_file_ignores() -> None:
    ignores = {"tests/*": ("FL1",), "!app/**": ("n-plus-one",), "conf.py": ("ALL",)}
    settings = Settings(root=Path("/p"), paths=(), cwd=Path("/p"), per_file_ignores=ignores)
    selection = Selection(settings, RULES)
    assert selection.is_ignored_in("FL101", Path("/p/tests/test_a.py"))
    assert not selection.is_ignored_in("FL101", Path("/p/app/a.py"))
    assert selection.is_ignored_in("FL201", Path("/p/tests/test_a.py"))
    assert not selection.is_ignored_in("FL201", Path("/p/app/api/a.py"))
    assert selection.is_ignored_in("FL201", Path("/p/app/conf.py"))
    assert selection.is_ignored_in("FL201", Path("/elsewhere/conf.py"))


def test_per_file_ignores_name_known_rules() -> None:
    with pytest.raises(ConfigError, match='unknown rule "FL7" in "per-file-ignores"'):
        enabled(per_file_ignores={"*.py": ("FL7",)})
