"""What the pages do not show of the fixes for dependencies and tasks: odd formatting, and what is refused."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from .linting import repair

HEAD = """\
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
SessionLocal = sessionmaker(create_engine("postgresql://localhost/shop"))


"""
ROUTE = """

@app.get("/items")
def read_items(db: Session = Depends(get_db)) -> int:
    return db.scalar(text("select count(*) from items"))
"""


def fixed(directory: Path, code: str, text: str, **others: str) -> str:
    """What becomes of a file; the text itself if there is no fix."""
    (directory / "main.py").write_text(text, encoding="utf-8", newline="")
    for name, other in others.items():
        (directory / f"{name}.py").write_text(other, encoding="utf-8")
    result = repair(directory, code, unsafe=True)
    return result.after.get("main.py", text)


def fixed_provider(directory: Path, code: str, provider: str) -> str:
    """What becomes of a dependency `get_db`."""
    after = fixed(directory, code, HEAD + dedent(provider) + ROUTE)
    return after.removeprefix(HEAD).removesuffix(ROUTE)


def reasons(directory: Path, code: str, text: str) -> set[str]:
    """Why a file is left as it is."""
    (directory / "main.py").write_text(text, encoding="utf-8")
    result = repair(directory, code, unsafe=True)
    assert not result.after
    return {found.unfixed for found in result.remaining.diagnostics if found.code == code}


def refusals(directory: Path, code: str, provider: str) -> set[str]:
    """Why a dependency `get_db` is left as it is."""
    return reasons(directory, code, HEAD + dedent(provider) + ROUTE)


# The clean-up of dependencies


def test_comments_and_strings_keep_their_places(tmp_path: Path) -> None:
    provider = '''\
        def get_db():
            db = SessionLocal()
            # the route works here
            yield db  # noqa: X100
            db.execute(text("""
        select 1
            """))

            # and now it is over
            db.close()  # at last
        '''
    assert fixed_provider(tmp_path, "FL302", provider) == dedent('''\
        def get_db():
            db = SessionLocal()
            # the route works here
            try:
                yield db  # noqa: X100
                db.execute(text("""
        select 1
            """))
            finally:
                # and now it is over
                db.close()  # at last
        ''')


def test_clean_up_follows_a_try(tmp_path: Path) -> None:
    provider = """\
        def get_db():
            db = SessionLocal()
            try:
                yield db
            except Exception:
                db.rollback()
                raise
            db.close()
        """
    assert fixed_provider(tmp_path, "FL302", provider) == dedent("""\
        def get_db():
            db = SessionLocal()
            try:
                yield db
            except Exception:
                db.rollback()
                raise
            finally:
                db.close()
        """)


def test_tabs_and_windows_line_ends(tmp_path: Path) -> None:
    text = (HEAD + "def get_db():\n\tdb = SessionLocal()\n\tyield db\n\tdb.close()\n" + ROUTE).replace(
        "\n", "\r\n"
    )
    after = fixed(tmp_path, "FL302", text)

    assert "\ttry:\r\n\t\tyield db\r\n\tfinally:\r\n\t\tdb.close()\r\n" in after
    assert after.count("\n") == after.count("\r\n")


def test_the_last_line_has_no_end(tmp_path: Path) -> None:
    provider = "def get_db():\n    db = SessionLocal()\n    yield db\n    db.close()"
    app = f"{HEAD}import provider\n\n\n@app.get('/')\ndef index(db=Depends(provider.get_db)) -> int:\n    return 1\n"
    (tmp_path / "main.py").write_text(app, encoding="utf-8")
    (tmp_path / "provider.py").write_text(HEAD + provider, encoding="utf-8")
    after = repair(tmp_path, "FL302", unsafe=True).after["provider.py"]

    assert after.endswith("    try:\n        yield db\n    finally:\n        db.close()")


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        (
            "def get_db():\n    db = SessionLocal()\n    yield db; db.close()\n",
            "several statements share a line",
        ),
        (
            "def get_db():\n    db = SessionLocal()\n    yield db\n    db.close()\n    print(db)\n",
            "other work comes after the clean-up",
        ),
    ],
)
def test_clean_up_that_stays(tmp_path: Path, provider: str, reason: str) -> None:
    assert refusals(tmp_path, "FL302", provider) == {reason}


def test_acquisition_moves_with_its_comment(tmp_path: Path) -> None:
    provider = """\
        def get_db():
            try:  # guarded
                # opens nothing yet
                db = SessionLocal(
                    autoflush=False,
                )

                yield db
            finally:
                db.close()
        """
    assert fixed_provider(tmp_path, "FL303", provider) == dedent("""\
        def get_db():
            # opens nothing yet
            db = SessionLocal(
                autoflush=False,
            )
            try:  # guarded
                yield db
            finally:
                db.close()
        """)


def test_acquisition_that_a_handler_watches_stays(tmp_path: Path) -> None:
    provider = """\
        def get_db():
            try:
                db = SessionLocal()
                yield db
            except OSError:
                raise RuntimeError("no database")
            finally:
                db.close()
        """
    reason = "the `except` of the `try` would not see any more what the acquisition raises"
    assert refusals(tmp_path, "FL303", provider) == {reason}


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        (
            "def get_db() -> Session:\n    db = SessionLocal()\n    if db:\n        return db\n    return db\n",
            "it returns in several places, or in a block",
        ),
        (
            "def get_db() -> Session:\n    return SessionLocal()\n\n\ndb = get_db()\n",
            "other code of the project calls it or hands it on",
        ),
    ],
)
def test_session_that_is_still_returned(tmp_path: Path, provider: str, reason: str) -> None:
    assert refusals(tmp_path, "FL301", provider) == {reason}


def test_return_keeps_its_comment(tmp_path: Path) -> None:
    provider = "def get_db():\n    return SessionLocal()  # for one request\n"
    assert fixed_provider(tmp_path, "FL301", provider) == (
        "def get_db():\n    session = SessionLocal()\n    try:\n        yield session  # for one request\n"
        "    finally:\n        session.close()\n"
    )


def test_return_out_of_with_before_other_code(tmp_path: Path) -> None:
    provider = """\
        def get_db():
            if app.title:
                with SessionLocal() as db:
                    return db
            raise RuntimeError
        """
    assert refusals(tmp_path, "FL309", provider) == {"what stands below would run after the `yield`"}


def test_handler_before_other_code(tmp_path: Path) -> None:
    provider = """\
        def get_db():
            db = SessionLocal()
            try:
                yield db
            except Exception:
                db.rollback()
            db.close()
        """
    assert refusals(tmp_path, "FL305", provider) == {"what stands below the `try` would be skipped"}


def test_handler_on_one_line(tmp_path: Path) -> None:
    provider = """\
        def get_db():
            with SessionLocal() as db:
                try: yield db
                except Exception: pass
        """
    assert fixed_provider(tmp_path, "FL305", provider).endswith("except Exception: raise\n")


# Generators that are advanced by hand

ADVANCING = """def get_db():
    with SessionLocal() as db:
        yield db

"""


def test_parameter_on_a_line_of_its_own(tmp_path: Path) -> None:
    route = """

@app.get("/stock")
def read_stock(
    name: str,  # of the shop
    limit: int = 1,  # at most
) -> int:
    # only now
    db: Session = next(get_db())  # by hand
    return db.scalar(text("select 1"))
"""
    after = fixed(tmp_path, "FL307", HEAD + ADVANCING + ROUTE + route)

    assert after == HEAD + ADVANCING + ROUTE + route.replace(
        "# at most\n", "# at most\n    db: Session = Depends(get_db),\n"
    ).replace("    db: Session = next(get_db())  # by hand\n", "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "    from provider import get_db\n    db = next(get_db())\n    return db.scalar(text('1'))\n",
            "`get_db` is not known at the top of the file, above the function",
        ),
        (
            "    if app.title:\n        db = next(get_db())\n    return db.scalar(text('1'))\n",
            "`db` is not bound once and for all of the function",
        ),
        ("    return next(get_db()).scalar(text('1'))\n", "what it yields has no name"),
    ],
)
def test_generator_that_is_still_advanced(tmp_path: Path, body: str, reason: str) -> None:
    (tmp_path / "provider.py").write_text(HEAD + ADVANCING + ROUTE, encoding="utf-8")
    text = f"{HEAD}{ADVANCING}{ROUTE}\n\n@app.get('/stock')\ndef read_stock() -> int:\n{body}"
    assert reasons(tmp_path, "FL307", text) == {reason}


# Scopes


def streaming(generator: str) -> str:
    return (
        "import asyncio\n\n"
        + HEAD.replace("app =", "from fastapi.responses import StreamingResponse\n\napp =")
        + dedent("""\
            def get_db():
                with SessionLocal() as db:
                    yield db


            async def ticks(name):
                while True:
                    await asyncio.sleep(1)
                    yield name


            @app.get("/events")
            async def events(
                db: Session = Depends(
                    get_db,
                ),
            ):
                name = db.scalar(text("select name from shops"))
                return StreamingResponse(ticks(name), media_type="text/event-stream")
            """)
        + generator
    )


def test_scope_is_laid_out_like_the_other_arguments(tmp_path: Path) -> None:
    after = fixed(tmp_path, "FL311", streaming(""))

    assert 'Depends(\n        get_db,\n        scope="function",\n    ),\n' in after


def test_dependency_that_ends_later_keeps_the_scope(tmp_path: Path) -> None:
    user = dedent("""

        def audit(db: Session = Depends(get_db)):
            yield db.info


        @app.get("/audit")
        def read(record=Depends(audit)) -> None:
            return None
        """)
    assert reasons(tmp_path, "FL311", streaming(user)) == {"`audit` needs it until the response is sent"}


def test_task_with_the_session_keeps_the_scope(tmp_path: Path) -> None:
    user = dedent("""

        from fastapi import BackgroundTasks


        def write(db: Session) -> None:
            db.commit()


        @app.post("/items")
        def add(tasks: BackgroundTasks, db: Session = Depends(get_db)) -> None:
            tasks.add_task(write, db)
        """)
    assert reasons(tmp_path, "FL311", streaming(user)) == {"`write` needs it after POST /items"}


@pytest.mark.parametrize("content", ["rows()", "pack(found)"])
def test_stream_of_a_helper_keeps_the_scope(tmp_path: Path, content: str) -> None:
    user = dedent(f"""

        from acme import pack


        def streamed(db: Session):
            found = pack(db)

            def rows():
                yield from db.scalars(text("select name from shops"))

            return StreamingResponse({content})


        @app.get("/rows")
        def rows(db: Session = Depends(get_db)):
            return streamed(db)
        """)
    assert reasons(tmp_path, "FL311", streaming(user)) == {"the stream of GET /rows needs it"}


@pytest.mark.parametrize("content", ["each(found)", "(name for name in found)"])
def test_stream_of_a_result_keeps_the_scope(tmp_path: Path, content: str) -> None:
    user = dedent(f"""

        def each(found):
            for name in found:
                yield name


        @app.get("/rows")
        def rows(db: Session = Depends(get_db)):
            found = db.scalars(text("select name from shops"))
            return StreamingResponse({content})
        """)
    reason = "the stream of GET /rows needs objects of the session"
    assert reasons(tmp_path, "FL311", streaming(user)) == {reason}


def test_security_has_no_scope(tmp_path: Path) -> None:
    user = "\n\nfrom fastapi import Security\n\n\n@app.get('/me')\ndef me(db=Security(get_db)) -> int:\n    return 1\n"
    assert reasons(tmp_path, "FL311", streaming(user)) == {"`Security` has no `scope`"}


def test_old_fastapi_has_no_scope(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi>=0.118\n", encoding="utf-8")
    reason = "the project allows versions of FastAPI before 0.121, which have no `scope`"
    assert reasons(tmp_path, "FL311", streaming("")) == {reason}


# Dependencies that only compute


def test_function_that_is_called_under_another_name_stays(tmp_path: Path) -> None:
    text = dedent("""\
        from fastapi import Depends, FastAPI

        from limits import limit

        app = FastAPI()


        @app.get("/")
        async def index(limit: int = Depends(limit)) -> int:
            return limit
        """)
    (tmp_path / "limits.py").write_text(
        "def limit(size: int = 1) -> int:\n    return size\n", encoding="utf-8"
    )
    (tmp_path / "job.py").write_text("from limits import limit as most\n\nprint(most(3))\n", encoding="utf-8")
    assert reasons(tmp_path, "FL317", text) == {"other code of the project calls it or hands it on"}


def test_generator_on_one_line(tmp_path: Path) -> None:
    text = dedent("""\
        from typing import Generator

        from fastapi import Depends, FastAPI

        app = FastAPI()


        def one() -> Generator[int, None, None]: yield 1


        @app.get("/")
        async def index(one: int = Depends(one)) -> int:
            return one
        """)
    after = fixed(tmp_path, "FL317", text)

    assert "async def one() -> AsyncGenerator[int, None]: yield 1\n" in after
    assert after.startswith("from typing import AsyncGenerator\n")


def test_generator_with_another_annotation_stays(tmp_path: Path) -> None:
    text = dedent("""\
        from fastapi import Depends, FastAPI

        app = FastAPI()


        def one() -> "Iterator[int]":
            yield 1


        @app.get("/")
        async def index(one: int = Depends(one)) -> int:
            return one
        """)
    assert reasons(tmp_path, "FL317", text) == {"the annotation of what it yields is unusual"}


def made(use: str) -> str:
    return dedent("""\
        from fastapi import Depends, FastAPI, Header, HTTPException

        app = FastAPI()


        def require(role: str):
            def check(x_role: str = Header()) -> None:
                if x_role != role:
                    raise HTTPException(403)

            return check


        @app.get("/", dependencies=[Depends(require("admin"))])
        async def index() -> int:
            return 1
        """) + dedent(use)


def test_function_that_is_made_in_depends(tmp_path: Path) -> None:
    assert fixed(tmp_path, "FL317", made("")) == made("").replace("    def check", "    async def check")


@pytest.mark.parametrize("use", ["\n\nrequire('user')('user')\n", "\n\nfor_users = require('user')\n"])
def test_function_that_may_be_called_stays(tmp_path: Path, use: str) -> None:
    reason = "what is made may be called by other code of the project"
    assert reasons(tmp_path, "FL317", made(use)) == {reason}


# Tasks


def starting(code: str, imports: str = "import asyncio\n") -> str:
    return (
        f"{imports}\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        "async def work(name: str) -> None:\n    return None\n\n\n" + dedent(code)
    )


def test_names_that_are_taken(tmp_path: Path) -> None:
    code = """\
        @app.get("/")
        async def index(background_tasks: list[str]) -> None:
            for task in background_tasks:
                asyncio.create_task(
                    work(task)  # one of them
                )
        """
    after = fixed(tmp_path, "FL324", starting(code))

    assert "app = FastAPI()\nrunning_tasks: set[asyncio.Task[object]] = set()\n\n\n" in after
    assert after.endswith(
        "        background_task = asyncio.create_task(\n            work(task)  # one of them\n        )\n"
        "        running_tasks.add(background_task)\n"
        "        background_task.add_done_callback(running_tasks.discard)\n"
    )


def test_set_that_is_there_already(tmp_path: Path) -> None:
    code = """\
        tasks = set()


        @app.get("/")
        async def index(name: str) -> None:
            job = asyncio.create_task(work(name))
            tasks.add(job)
            job.add_done_callback(tasks.discard)
            asyncio.create_task(work(name)).add_done_callback(print)
        """
    after = fixed(tmp_path, "FL324", starting(code))

    assert after.endswith(
        "    task = asyncio.create_task(work(name))\n    tasks.add(task)\n"
        "    task.add_done_callback(tasks.discard)\n    task.add_done_callback(print)\n"
    )


def test_import_within_the_function(tmp_path: Path) -> None:
    code = """\
        @app.get("/")
        async def index(name: str) -> None:
            import asyncio
            _ = asyncio.ensure_future(work(name))
        """
    after = fixed(tmp_path, "FL324", starting(code, imports=""))

    assert "app = FastAPI()\nbackground_tasks = set()\n" in after
    assert "    task = asyncio.ensure_future(work(name))\n    background_tasks.add(task)\n" in after


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("if name: asyncio.create_task(work(name))", "several statements share a line"),
        ("asyncio.create_task(work(name)); print(1)", "several statements share a line"),
    ],
)
def test_task_on_a_shared_line_stays(tmp_path: Path, line: str, reason: str) -> None:
    code = f'@app.get("/")\nasync def index(name: str) -> None:\n    {line}\n'
    assert reasons(tmp_path, "FL324", starting(code)) == {reason}


def test_a_set_of_tasks_that_a_local_name_hides(tmp_path: Path) -> None:
    code = (
        "import asyncio\n\nfrom fastapi import BackgroundTasks, FastAPI\n\napp = FastAPI()\ntasks = set()\n\n\n"
        "async def work(): ...\n\n\ndef start():\n    task = asyncio.create_task(work())\n    tasks.add(task)\n"
        "    task.add_done_callback(tasks.discard)\n\n\n@app.get('/a')\nasync def a(tasks: BackgroundTasks):\n"
        "    asyncio.create_task(work())\n"
    )
    (tmp_path / "main.py").write_text(code)

    assert not repair(tmp_path, "FL324", unsafe=True).after


@pytest.mark.parametrize(
    ("line", "is_fixed"),
    [
        ("return name.upper()", True),
        ("return sum([1, 2])", True),
        ("return sum(range(3))", True),
        ("return sum(range(10**8))", False),
        ("return sum(NUMBERS)", False),
        ("return json.dumps(NUMBERS)", False),
        ("return json.dumps({'name': name})", True),
        ("return math.factorial(9)", False),
        ("return len('x' * 10**9)", False),
        ("return f'{slow}'", False),
        ("return 1 if slow else 2", False),
        ("KEY.set(1)", False),
    ],
)
def test_what_may_take_long_stays_in_its_thread(tmp_path: Path, line: str, *, is_fixed: bool) -> None:
    code = (
        "import json\nimport math\nfrom contextvars import ContextVar\n\nfrom fastapi import Depends, FastAPI\n\n"
        "app = FastAPI()\nNUMBERS = [1]\nKEY = ContextVar('key')\n\n\nclass Slow:\n    def __bool__(self): return True\n\n\n"
        f"slow = Slow()\n\n\ndef get(name: str):\n    {line}\n\n\n"
        "@app.get('/a')\nasync def a(got: object = Depends(get)): ...\n"
    )
    (tmp_path / "main.py").write_text(code)

    assert bool(repair(tmp_path, "FL317", unsafe=False).after) is is_fixed
