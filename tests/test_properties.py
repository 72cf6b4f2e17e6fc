"""What holds for every program: no crash, the same answer twice, places that exist.

`HYPOTHESIS_PROFILE=long` looks at many more programs.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fastlint.cache.directory import make_directory
from fastlint.cache.kept import Kept, content_hash
from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic
from fastlint.engine.run import check
from fastlint.engine.workspace import Workspace
from fastlint.facts.build import build_facts, text_facts
from fastlint.facts.model import ModuleFacts
from fastlint.facts.packing import from_bytes, to_bytes, version
from fastlint.facts.structure import parts_of

from .random_programs import ANCHORED, random_program

Files = dict[str, str]
programs = st.builds(random_program, st.integers(0, 2**32), st.integers(1, 12))


@contextmanager
def planted(files: Files) -> Iterator[Path]:
    """The files in a directory of their own."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        yield root


def run(root: Path, *paths: Path, kept: Kept | None = None) -> tuple[Diagnostic, ...]:
    chosen = Settings(root=root, paths=paths or (root,), cwd=root, cache=False, extend_select=("ALL",))
    return check(chosen, workspace=Workspace(kept)).diagnostics


def found_in(files: Files) -> tuple[Diagnostic, ...]:
    with planted(files) as root:
        return run(root)


def meaning(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[str, str, str]]:
    """What was found, without the rows."""
    return sorted((d.filename, d.code, d.chain[-1].target if d.chain else d.message) for d in diagnostics)


def is_whole(text: str) -> bool:
    """Whether a text is an expression, a statement, or the head of a definition."""
    for form in ("({})", "{}", "{}(): ...", "{}: ..."):
        with suppress(SyntaxError):
            ast.parse(form.format(text))
            return True
    return False


def assert_places_exist(files: Files, found: Diagnostic) -> None:
    """Every place lies in its file, and what the diagnostic underlines is a piece of code."""
    places = [(found.filename, found.location), (found.filename, found.end_location)]
    places += [(step.filename, step.location) for step in found.chain]
    places += [(entry.filename, entry.location) for entry in found.entry_points]
    for filename, place in places:
        lines = files[filename].split("\n")
        assert 1 <= place.row <= len(lines)
        assert 1 <= place.column <= len(lines[place.row - 1]) + 1
    rows = files[found.filename].split("\n")[found.location.row - 1 : found.end_location.row]
    rows[-1] = rows[-1][: found.end_location.column - 1]
    rows[0] = rows[0][found.location.column - 1 :]
    assert is_whole("\n".join(rows))


@given(programs)
def test_any_program_is_understood(files: Files) -> None:
    diagnostics = found_in(files)
    assert ANCHORED in {(d.filename, d.location.row, d.code) for d in diagnostics}
    assert not [d for d in diagnostics if d.code.startswith("FL9")]
    for found in diagnostics:
        assert_places_exist(files, found)


@given(programs)
def test_facts_survive_the_way_from_a_worker(files: Files) -> None:
    for text in files.values():
        facts = text_facts(text)
        assert isinstance(facts, ModuleFacts)
        packed = to_bytes(facts)
        assert packed is not None and from_bytes(packed) == facts


@given(programs)
def test_a_heading_holds_every_name_that_is_read(files: Files) -> None:
    for text in files.values():
        facts = text_facts(text)
        assert isinstance(facts, ModuleFacts)
        for function in facts.functions:
            exprs = [event[1] for event in function.events] + [*function.returns, *function.yields]
            exprs += [value for _, _, value in function.stores] + [region[2] for region in function.regions]
            exprs += [detail for _, _, detail in function.blocks]
            exprs += [value for bindings in function.bindings.values() for _, _, value in bindings]
            read = {part[1] for part in parts_of(exprs) if part[0] == "name"}
            assert read <= set(function.names.split(" "))


@given(programs)
def test_facts_that_are_kept_give_the_same_answer(files: Files) -> None:
    with planted(files) as root:
        directory = make_directory(str(root / ".fastlint_cache"))
        assert directory is not None
        kept = Kept(directory, version)
        first = run(root, kept=kept)
        kept.save()
        again = Kept(directory, version)
        paths = [root / path for path in files]
        assert build_facts(paths, kept=again) == build_facts(paths)
        assert all(again.get(content_hash(path.read_bytes())) for path in paths)
        assert run(root, kept=again) == first == run(root)


@given(programs)
def test_the_same_program_gives_the_same_answer(files: Files) -> None:
    with planted(files) as root:
        paths = [root / path for path in files]
        first, second = run(root, *paths), run(root, *reversed(paths))
    assert first == second


@given(programs)
def test_names_of_files_mean_nothing(files: Files) -> None:
    names = (("first", "zfirst"), ("second", "asecond"), ("package", "bpackage"))

    def renamed(text: str, *, back: bool = False) -> str:
        for old, new in names:
            text = text.replace(new, old) if back else text.replace(old, new)
        return text

    found = meaning(found_in({renamed(path): renamed(text) for path, text in files.items()}))
    assert sorted(tuple(renamed(word, back=True) for word in row) for row in found) == meaning(
        found_in(files)
    )


@given(programs)
def test_blank_lines_and_comments_mean_nothing(files: Files) -> None:
    spaced = {path: text.replace("\n", "\n\n# é: time.sleep(1)\n") for path, text in files.items()}
    assert meaning(found_in(spaced)) == meaning(found_in(files))
