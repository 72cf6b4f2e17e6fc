"""Files: which are found, under which name, and how their bytes are read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fastlint.config.errors import FastlintError
from fastlint.config.settings import Settings
from fastlint.sources import gitignore
from fastlint.sources.discovery import Discovery, discover
from fastlint.sources.reading import MAX_BYTES, SourceError, read_source


def plant(root: Path, *names: str) -> None:
    """Create empty files."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def look(root: Path, *paths: str, **options: object) -> Discovery:
    targets = tuple(root / path for path in paths) or (root,)
    return discover(Settings(root=root, paths=targets, cwd=root, **options))  # type: ignore[arg-type]


def names(root: Path, *paths: str, **options: object) -> list[str]:
    return [file.display for file in look(root, *paths, **options).files]


@pytest.fixture(params=["git", "files"])
def repository(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose ignore files are read by git, and again without git."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    if request.param == "files":
        monkeypatch.setattr(gitignore, "_ask_git", lambda repository, directory: None)
    return tmp_path


def test_python_files_are_found_in_order(tmp_path: Path) -> None:
    plant(tmp_path, "b.py", "a/z.py", "a/b/c.py", "a/readme.md", "a/stub.pyi", "B.py", "a/.hidden/x.py")
    assert names(tmp_path) == ["B.py", "a/.hidden/x.py", "a/b/c.py", "a/z.py", "b.py"]


def test_paths_are_absolute_and_names_relative_to_the_current_directory(tmp_path: Path) -> None:
    plant(tmp_path, "app/a.py", "lib/b.py")
    settings = Settings(root=tmp_path, paths=(tmp_path,), cwd=tmp_path / "app")
    files = discover(settings).files
    assert [file.path for file in files] == [tmp_path / "app/a.py", tmp_path / "lib/b.py"]
    assert [file.display for file in files] == ["a.py", (tmp_path / "lib/b.py").as_posix()]


def test_default_excludes(tmp_path: Path) -> None:
    plant(
        tmp_path, "a.py", ".venv/x.py", "app/node_modules/x.py", "dist/x.py", "tests/test_a.py", "build/x.py"
    )
    assert names(tmp_path) == ["a.py", "build/x.py", "tests/test_a.py"]


def test_a_virtual_environment_of_any_name_is_left_out(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "myenv/pyvenv.cfg", "myenv/lib/x.py")
    assert names(tmp_path) == ["a.py"]
    assert names(tmp_path, "myenv") == ["myenv/lib/x.py"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("old", ["new/a.py", "new/old.py"]),
        ("old/", ["new/a.py", "new/old.py"]),
        ("*.py", []),
        ("old.py", ["new/a.py", "old/a.py", "old/deep/a.py"]),
        ("/old", ["new/a.py", "new/old.py"]),
        ("old/*.py", ["new/a.py", "new/old.py", "old/deep/a.py"]),
        ("old/**", ["new/a.py", "new/old.py"]),
        ("**/deep", ["new/a.py", "new/old.py", "old/a.py"]),
        ("[on]?d", ["new/a.py", "new/old.py"]),
    ],
)
def test_exclude_patterns(tmp_path: Path, pattern: str, left: list[str]) -> None:
    plant(tmp_path, "new/a.py", "new/old.py", "old/a.py", "old/deep/a.py")
    assert names(tmp_path, extend_exclude=(pattern,)) == left


def test_a_pattern_can_take_back_an_exclude(tmp_path: Path) -> None:
    plant(tmp_path, "dist/a.py", "venv/b.py")
    assert names(tmp_path, extend_exclude=("!dist",)) == ["dist/a.py"]


def test_what_is_named_is_taken_even_if_excluded(tmp_path: Path) -> None:
    plant(tmp_path, "dist/a.py", "dist/b.py", "dist/venv/c.py", "script")
    assert names(tmp_path, "dist/a.py", "script") == ["dist/a.py", "script"]
    assert names(tmp_path, "dist") == ["dist/a.py", "dist/b.py"]


def test_unless_excludes_are_forced(tmp_path: Path) -> None:
    plant(tmp_path, "dist/deep/a.py", "app/b.py")
    assert names(tmp_path, "dist/deep/a.py", "dist", "app", force_exclude=True) == ["app/b.py"]


def test_gitignore(repository: Path) -> None:
    plant(
        repository,
        "a.py",
        "b_gen.py",
        "out/x.py",
        "sub/c_gen.py",
        "sub/keep_gen.py",
        "sub/d.py",
        "sub/out/y.py",
    )
    (repository / ".gitignore").write_text("*_gen.py\n/out/\n")
    (repository / "sub/.gitignore").write_text("!keep_gen.py\n")
    assert names(repository) == ["a.py", "sub/d.py", "sub/keep_gen.py", "sub/out/y.py"]
    assert names(repository, "sub") == ["sub/d.py", "sub/keep_gen.py", "sub/out/y.py"]
    assert len(names(repository, respect_gitignore=False)) == 7


def test_an_ignored_directory_that_is_named_is_taken(repository: Path) -> None:
    plant(repository, "out/deep/x.py", "out/deep/y_gen.py", "out/z.py")
    (repository / ".gitignore").write_text("out/\n")
    (repository / "out/deep/.gitignore").write_text("*_gen.py\n")
    assert "out/deep/x.py" in names(repository, "out/deep")
    assert "out/z.py" in names(repository, "out")
    assert names(repository, "out/z.py") == ["out/z.py"]


def test_a_repository_inside_has_its_own_rules(repository: Path) -> None:
    plant(repository, "inner/a.py", "inner/b.py", "b.py")
    subprocess.run(["git", "init", "-q"], cwd=repository / "inner", check=True)
    (repository / "inner/.gitignore").write_text("b.py\n")
    assert names(repository) == ["b.py", "inner/a.py"]


def test_gitignore_counts_outside_of_repositories_too(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "out/x.py", "sub/out/y.py")
    (tmp_path / ".gitignore").write_text("out\n")
    assert names(tmp_path) == ["a.py"]
    assert names(tmp_path, "sub") == []


def test_the_variables_of_a_git_hook_do_not_confuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    plant(tmp_path, "a.py", "b.py")
    (tmp_path / ".git/info/exclude").write_text("b.py\n")
    monkeypatch.setenv("GIT_DIR", "nowhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere/index")
    assert names(tmp_path) == ["a.py"]


def test_every_real_file_once(tmp_path: Path) -> None:
    plant(tmp_path, "app/a.py", "app/b.py")
    (tmp_path / "app/alias.py").symlink_to("a.py")
    (tmp_path / "aaa").symlink_to("app")
    assert names(tmp_path, "app", ".", "app/a.py", "app/../app/b.py") == ["app/a.py", "app/b.py"]


def test_links_to_the_outside_are_followed(tmp_path: Path) -> None:
    plant(tmp_path, "project/app/a.py", "shared/lib/s.py", "shared/one.py")
    (tmp_path / "project/lib").symlink_to("../shared/lib")
    (tmp_path / "project/one.py").symlink_to("../shared/one.py")
    assert names(tmp_path / "project") == ["app/a.py", "lib/s.py", "one.py"]


def test_loops_and_dangling_links_end(tmp_path: Path) -> None:
    plant(tmp_path, "app/a.py")
    (tmp_path / "app/up").symlink_to("..")
    (tmp_path / "app/self.py").symlink_to("self.py")
    (tmp_path / "app/gone.py").symlink_to("nowhere.py")
    assert names(tmp_path) == ["app/a.py"]


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    plant(tmp_path, "app/main.py")
    with pytest.raises(FastlintError, match=r'^app/mian.py does not exist; did you mean "main.py"\?$'):
        look(tmp_path, "app/mian.py")
    with pytest.raises(FastlintError, match=r"^no/such/place does not exist$"):
        look(tmp_path, "no/such/place")


def test_a_directory_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a.py", "closed/b.py")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = look(tmp_path)
    assert [file.display for file in found.files] == ["a.py"]
    [(place, error)] = found.errors
    assert place.display == "closed"
    assert (error.code, error.message) == ("FL901", "The directory cannot be listed: Permission denied")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"x = 1\r\ny\rz\n", "x = 1\r\ny\rz\n"),
        ("x = 'é'".encode(), "x = 'é'"),
        (b"\xef\xbb\xbfx", "x"),
        (b"# coding: latin-1\nx = '\xe9'", "# coding: latin-1\nx = 'é'"),
        (
            b"#!/usr/bin/python\n# -*- coding: cp1252 -*-\n'\x80'",
            "#!/usr/bin/python\n# -*- coding: cp1252 -*-\n'€'",
        ),
    ],
)
def test_bytes_are_decoded_like_python_does(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "a.py").write_bytes(data)
    assert read_source(tmp_path / "a.py").text == text


@pytest.mark.parametrize(
    ("data", "code", "part"),
    [
        (b"x = 1\ny = '\xe9'\n", "FL901", "not valid UTF-8: byte 0xe9 in line 2"),
        (b"# coding: klingon\n", "FL901", "unknown encoding: klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "FL901", "encoding"),
        (b"x\0y", "FL901", "NUL"),
        ("x = 1".encode("utf-16"), "FL901", "UTF-16"),
        (b"#" * (MAX_BYTES + 1), "FL902", "2.0 MB"),
    ],
)
def test_files_that_are_no_source(tmp_path: Path, data: bytes, code: str, part: str) -> None:
    (tmp_path / "a.py").write_bytes(data)
    with pytest.raises(SourceError) as error:
        read_source(tmp_path / "a.py")
    assert error.value.code == code
    assert part in error.value.message


def test_a_vanished_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        read_source(tmp_path / "gone.py")


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(SourceError, match="not a regular file"):
        read_source(tmp_path / "pipe.py")


def test_lines_are_those_of_python(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("a\x0cb\r\nc\rd\u2028e\n\nf".encode())
    assert read_source(tmp_path / "a.py").lines() == ["a\x0cb", "c", "d\u2028e", "", "f"]
