"""When a blocking call is taken off the loop by which means, and when it is left alone."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic
from fastlint.engine.run import check

ENGINE = 'create_engine("postgresql://")'
HEAD = """\
import asyncio
import functools
import sqlite3
import threading
import time
from contextvars import ContextVar

import requests
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, WebSocket
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
SessionLocal = sessionmaker(create_engine("postgresql://"))
lock = threading.Lock()
seen = {}
user = ContextVar("user")


def get_db():
    with SessionLocal() as session:
        yield session


def get(url):
    return requests.get(url, timeout=3)


"""


def findings(tmp_path: Path, body: str, head: str = HEAD) -> list[Diagnostic]:
    (tmp_path / "main.py").write_text(head + dedent(body), encoding="utf-8")
    root = tmp_path.resolve()
    settings = Settings(
        root=root, paths=(root,), cwd=root, cache=False, select=("FL1", "FL201", "FL202"), ignore=("FL117",)
    )
    return list(check(settings).diagnostics)


FIXED = {
    "a route becomes plain": ("""
        @app.get("/")
        async def root():
            return get("/").status_code
        """, "safe", "Make `root` a `def`"),
    "a route that writes a global": ("""
        @app.get("/")
        async def root():
            seen["x"] = get("/").status_code
        """, "unsafe", "Make `root` a `def`"),
    "a dependency becomes plain": ("""
        async def rate():
            return get("/").text
        @app.get("/")
        async def root(rate=Depends(rate)):
            await asyncio.sleep(0)
            return rate
        """, "safe", "Make `rate` a `def`"),
    "a background task becomes plain": ("""
        async def job(n: int):
            get("/")
        @app.get("/")
        async def root(tasks: BackgroundTasks):
            tasks.add_task(job, 1)
        """, "safe", "Make `job` a `def`"),
    "a route that awaits": ("""
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return get("/").status_code
        """, "safe", "Run `get` in the thread pool"),
    "a coroutine that others await": ("""
        async def ask():
            return get("/").status_code
        @app.get("/")
        async def root():
            return await ask()
        """, "safe", "Run `get` in the thread pool"),
    "a caller writes what is shared": ("""
        async def ask():
            return get("/").status_code
        @app.get("/")
        async def root():
            seen["x"] = await ask()
        """, "unsafe", "Run `get` in the thread pool"),
    "a function that calls something unknown": ("""
        @app.get("/")
        async def root(callback):
            await asyncio.sleep(0)
            return work(callback)
        def work(callback):
            time.sleep(1)
            return callback()
        """, "unsafe", "Run `work` in the thread pool"),
    "a session of the request": ("""
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            return db.execute(text("select 1")).all()
        """, "safe", "Run `db.execute` in the thread pool"),
    "a service that each request makes": ("""
        class Repo:
            def __init__(self, db: Session):
                self.db = db
            def save(self, row):
                self.db.add(row)
                self.db.commit()
        def get_repo(db: Session = Depends(get_db)):
            return Repo(db)
        @app.get("/")
        async def root(row, repo: Repo = Depends(get_repo)):
            await asyncio.sleep(0)
            repo.save(row)
        """, "safe", "Run `repo.save` in the thread pool"),
    "a service of the module": ("""
        class Repo:
            def __init__(self, db: Session):
                self.db = db
            def load(self):
                return self.db.execute(text("select 1")).all()
        repo = Repo(SessionLocal())
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return repo.load()
        """, "unsafe", "Run `repo.load` in the thread pool"),
    "a service that a cache keeps": ("""
        class Repo:
            def __init__(self, db: Session):
                self.db = db
            def load(self):
                return self.db.execute(text("select 1")).all()
        @functools.lru_cache
        def get_repo():
            return Repo(SessionLocal())
        @app.get("/")
        async def root(repo: Repo = Depends(get_repo)):
            await asyncio.sleep(0)
            return repo.load()
        """, "unsafe", "Run `repo.load` in the thread pool"),
    "a service that the application keeps": ("""
        class Repo:
            def __init__(self, db: Session):
                self.db = db
            def load(self):
                return self.db.execute(text("select 1")).all()
        app.state.repo = Repo(SessionLocal())
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return app.state.repo.load()
        """, "unsafe", "Run `app.state.repo.load` in the thread pool"),
    "a service of each request around a session of the module": ("""
        db = SessionLocal()
        class Repo:
            def __init__(self):
                self.db = db
            def load(self):
                return self.db.execute(text("select 1")).all()
        @app.get("/")
        async def root(repo: Repo = Depends(Repo)):
            await asyncio.sleep(0)
            return repo.load()
        """, "unsafe", "Run `repo.load` in the thread pool"),
    "a session of the module": ("""
        db = SessionLocal()
        def load():
            return db.execute(text("select 1")).all()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return load()
        """, "unsafe", "Run `load` in the thread pool"),
    "a dependency that gives every request the same session": ("""
        @functools.lru_cache
        def get_one():
            return SessionLocal()
        @app.get("/")
        async def root(db: Session = Depends(get_one)):
            return db.execute(text("select 1")).all()
        """, "unsafe", "Make `root` a `def`"),
    "a dependency that gives every request the same table": ("""
        def get_seen():
            return seen
        @app.get("/")
        async def root(table: dict = Depends(get_seen)):
            table["x"] = get("/").text
        """, "unsafe", "Make `root` a `def`"),
    "a shared number is counted up": ("""
        class Counter:
            n = 0
            def bump(self):
                self.n += 1
        counter = Counter()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            counter.bump()
            return db.execute(text("select 1")).all()
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "a shared item is counted up": ("""
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            seen["x"] += 1
            return db.execute(text("select 1")).all()
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "a shared number that others change": ("""
        class State:
            n = 0
        state = State()
        @app.post("/")
        async def change():
            state.n = state.n + 1
        @app.get("/")
        async def root():
            before = state.n
            get("/")
            return before == state.n
        """, "unsafe", "Make `root` a `def`"),
    "a number that the constructor alone sets": ("""
        class State:
            def __init__(self):
                self._begin()
            def _begin(self):
                self.n = 1
        state = State()
        @app.get("/")
        async def root():
            get("/")
            return state.n
        """, "safe", "Make `root` a `def`"),
    "a variable that only tests reset": ("""
        pool = None
        def get_pool():
            global pool
            if pool is None:
                pool = object()
            return pool
        def reset_pool():
            global pool
            pool = None
        @app.get("/")
        async def root():
            get_pool()
            return get("/").text
        """, "safe", "Make `root` a `def`"),
    "an iterator of the module": ("""
        numbers = iter(range(10))
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            number = next(numbers, 0)
            return number, db.execute(text("select 1")).all()
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "a task that waits for the next await": ("""
        async def job():
            await asyncio.sleep(0)
        async def begin():
            task = asyncio.create_task(job())
            task.add_done_callback(print)
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await begin()
            return db.execute(text("select 1")).all()
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "locks that may be taken in another order": ("""
        one, two = asyncio.Lock(), asyncio.Lock()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            async with one_lock(), two:
                return db.execute(text("select 1")).all()
        def one_lock():
            return one
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "a lock that others ask for": ("""
        busy = asyncio.Lock()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            if busy.locked():
                return 409
            await asyncio.sleep(0)
            return db.execute(text("select 1")).all()
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "a dictionary that was read from a text": ("""
        import json
        class Cache:
            hits = 0
            def get(self, key):
                self.hits += 1
        @app.get("/")
        async def root(body: str, db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            for each in json.loads(body).get("items", []):
                each.get("x")
            return db.execute(text("select 1")).all()
        """, "safe", "Run `db.execute` in the thread pool"),
    "an object whose `get` may count": ("""
        class Cache:
            hits = 0
            def get(self, key):
                self.hits += 1
        @app.get("/")
        async def root(body, db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            body.get("x")
            return db.execute(text("select 1")).all()
        """, "unsafe", "Run `db.execute` in the thread pool"),
    "a decorator may need a coroutine": ("""
        def logged(f):
            @functools.wraps(f)
            async def inner():
                return await f()
            return inner
        @app.get("/")
        @logged
        async def root():
            return get("/").status_code
        """, "safe", "Run `get` in the thread pool"),
    "a websocket": ("""
        @app.websocket("/ws")
        async def socket(socket: WebSocket):
            get("/")
        """, "safe", "Run `get` in the thread pool"),
    "a twin": ("""
        @app.get("/")
        async def root():
            time.sleep(1)
        """, "safe", "Await `asyncio.sleep`"),
    "an asynchronous session": ("""
        @app.get("/")
        async def root(db: AsyncSession):
            db.add(object())
            get("/")
        """, "safe", "Run `get` in the thread pool"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "applicability", "title"), FIXED.values(), ids=FIXED)
def test_fixed(tmp_path: Path, body: str, applicability: str, title: str) -> None:
    [found] = findings(tmp_path, body)
    assert found.fix is not None, found.unfixed
    assert (str(found.fix.applicability), found.fix.title[: len(title)]) == (applicability, title)


UNSAFE = {
    "a helper writes what is shared": """
        def note(n):
            seen["n"] = n
        @app.get("/")
        async def root():
            n = seen["n"]
            get("/")
            note(n + 1)
        """,
    "a local name for what is shared": """
        @app.get("/")
        async def root():
            state = seen
            n = state["n"]
            get("/")
            state["n"] = n + 1
        """,
    "what is shared is handed to a helper": """
        def note(state, n):
            state["n"] = n
        @app.get("/")
        async def root():
            get("/")
            note(seen, 1)
        """,
    "a dependency gives what is shared": """
        def get_state():
            return seen
        @app.get("/")
        async def root(state: dict = Depends(get_state)):
            await asyncio.sleep(0)
            get("/")
            state["n"] = 1
        """,
    "a time limit": """
        @app.get("/")
        async def root():
            async with asyncio.timeout(1):
                get("/")
        """,
    "tasks that run together": """
        async def one(out):
            time.sleep(1)
            out.append(1)
        @app.get("/")
        async def root():
            out = []
            await asyncio.gather(one(out), one(out))
        """,
    "seconds that a client gives": """
        @app.get("/")
        async def root(n: float):
            time.sleep(n)
        """,
    "a variable of the thread": """
        here = threading.local()
        @app.get("/")
        async def root():
            here.user = 1
            get("/")
            return here.user
        """,
    "the directory of the process": """
        import os
        @app.get("/")
        async def root():
            os.chdir("/tmp")
            get("/")
            return os.getcwd()
        """,
    "what is iterated may change": """
        @app.get("/")
        async def root():
            for name in seen:
                get(name)
        @app.get("/set")
        async def set_it():
            seen["x"] = 1
        """,
    "what is shared is changed by a helper of a helper": """
        def note(state, n):
            state["n"] = n
        def keep(state, n):
            note(state, n)
        @app.get("/")
        async def root():
            get("/")
            keep(seen, 1)
        """,
    "a helper appends to what a local name stands for": """
        rows = []
        def keep(state, n):
            state.append(n)
        @app.get("/")
        async def root():
            mine = rows
            get("/")
            keep(mine, 1)
            return len(mine)
        """,
    "a default that remembers": """
        def memo(n, made={}):
            made[n] = n
            return made
        @app.get("/")
        async def root():
            get("/")
            return memo(1)
        """,
    "an object of the module that a dependency gives": """
        class Counter:
            n = 0
        counter = Counter()
        def get_counter():
            return counter
        @app.get("/")
        async def root(counter: Counter = Depends(get_counter)):
            counter.n += 1
            get("/")
            return counter.n
        """,
    "the state of the application": """
        @app.get("/")
        async def root(request: Request):
            state = request.app.state
            state.n = state.n + 1
            get("/")
            return state.n
        """,
    "headers of a client that all share": """
        client = requests.Session()
        @app.get("/")
        async def root(token: str):
            client.headers.update({"Authorization": token})
            return client.get("/", timeout=3).text
        """,
    "an unknown object whose method may count": """
        def count():
            global total
            total += 1
        class Store:
            def save(self):
                count()
        def store_of(request):
            return request.app.state.store
        @app.get("/")
        async def root(request: Request):
            store_of(request).save()
            get("/")
        """,
    "objects that are made of a text": """
        import json
        class Thing:
            def get(self, name):
                seen[name] = 1
        @app.get("/")
        async def root(body: str):
            data = json.loads(body, object_hook=Thing)
            get("/")
            return data.get("x")
        """,
    "a lock that a dependency holds around the route": """
        gate = asyncio.Lock()
        async def locked():
            async with gate:
                yield
        @app.get("/", dependencies=[Depends(locked)])
        async def root():
            await asyncio.sleep(0)
            return get("/").text
        """,
    "a time limit of a dependency": """
        async def limited():
            async with asyncio.timeout(3):
                yield
        @app.get("/")
        async def root(limit=Depends(limited)):
            await asyncio.sleep(0)
            return get("/").text
        """,
    "a time limit of a middleware": """
        @app.middleware("http")
        async def limited(request: Request, call_next):
            async with asyncio.timeout(3):
                return await call_next(request)
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return get("/").text
        """,
    "what a dependency of the router sets around the route": """
        busy = set()
        async def alone():
            if busy:
                raise ValueError
            busy.add(1)
            yield
            busy.discard(1)
        router = APIRouter(dependencies=[Depends(alone)])
        @router.get("/")
        async def root():
            return get("/").text
        app.include_router(router)
        """,
    "an update in SQL": """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            db.execute(text("update users set seen = 1"))
            get("/")
        """,
}


@pytest.mark.parametrize("body", UNSAFE.values(), ids=UNSAFE)
def test_unsafe(tmp_path: Path, body: str) -> None:
    found = findings(tmp_path, body)
    assert found
    assert all(each.fix is not None and str(each.fix.applicability) == "unsafe" for each in found)


KEPT_SESSIONS = {
    "by a closure": """
        def make():
            db = SessionLocal()
            def ask():
                return db.execute(text("select 1")).scalar()
            return ask
        ask = make()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return ask()
        """,
    "as a default": """
        def ask(db: Session = SessionLocal()):
            return db.execute(text("select 1")).scalar()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return ask()
        """,
    "as an argument that is filled in": """
        def _ask(db: Session):
            return db.execute(text("select 1")).scalar()
        ask = functools.partial(_ask, SessionLocal())
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return ask()
        """,
    "in a dictionary": """
        sessions = {"a": SessionLocal()}
        def ask(name):
            return sessions[name].execute(text("select 1")).scalar()
        @app.get("/")
        async def root(name: str):
            await asyncio.sleep(0)
            return ask(name)
        """,
    "by a context variable": """
        current = ContextVar("current")
        current.set(SessionLocal())
        def ask():
            db: Session = current.get()
            return db.execute(text("select 1")).scalar()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return ask()
        """,
    "by the application": """
        app.state.db = SessionLocal()
        @app.get("/")
        async def root(request: Request):
            await asyncio.sleep(0)
            return Service(request.app.state.db).ask()
        """,
    "by a service under a decorator": """
        @functools.lru_cache
        class Kept(Service):
            def __init__(self):
                self.db = SessionLocal()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return Kept().ask()
        """,
    "by a service with a metaclass": """
        class Single(type):
            made = {}
            def __call__(cls, *args):
                if cls not in Single.made:
                    Single.made[cls] = super().__call__(*args)
                return Single.made[cls]
        class Kept(Service, metaclass=Single):
            pass
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            return Kept(db).ask()
        """,
    "by services that have their attributes in common": """
        class Kept(Service):
            common = {}
            def __init__(self, db: Session):
                self.__dict__ = self.common
                self.db = db
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            return Kept(db).ask()
        """,
    "by a cached lambda": """
        make = functools.lru_cache(lambda: Service(SessionLocal()))
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return make().ask()
        """,
    "by a dependency that is an object": """
        class Provider:
            def __init__(self):
                self.db = SessionLocal()
            def __call__(self):
                return self.db
        @app.get("/")
        async def root(db: Session = Depends(Provider())):
            await asyncio.sleep(0)
            return db.execute(text("select 1")).scalar()
        """,
    "by what a dependency asks": """
        class Provider:
            def __init__(self):
                self.db = SessionLocal()
            def session(self):
                return self.db
        provider = Provider()
        def get_session():
            return provider.session()
        @app.get("/")
        async def root(db: Session = Depends(get_session)):
            await asyncio.sleep(0)
            return db.execute(text("select 1")).scalar()
        """,
    "by a dependency that is filled in": """
        def give(db):
            return db
        @app.get("/")
        async def root(db: Session = Depends(functools.partial(give, SessionLocal()))):
            await asyncio.sleep(0)
            return db.execute(text("select 1")).scalar()
        """,
    "by what replaces a dependency": """
        db = SessionLocal()
        def session() -> Session:
            raise NotImplementedError
        app.dependency_overrides[session] = lambda: db
        @app.get("/")
        async def root(db: Session = Depends(session)):
            await asyncio.sleep(0)
            return db.execute(text("select 1")).scalar()
        """,
    "as a cursor of a driver": """
        import psycopg2
        cursor = psycopg2.connect("").cursor()
        def ask():
            cursor.execute("select 1")
            return cursor.fetchone()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return ask()
        """,
    "as a connection to a mail server": """
        import smtplib
        server = smtplib.SMTP("localhost")
        def send(text):
            server.sendmail("a", "b", text)
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            send("c")
        """,
    "by a task that a dependency starts": """
        async def later(db):
            await asyncio.sleep(1)
            db.commit()
        async def get_service(db: Session = Depends(get_db)):
            asyncio.create_task(later(db))
            return Service(db)
        @app.get("/")
        async def root(service: Service = Depends(get_service)):
            await asyncio.sleep(0)
            return service.ask()
        """,
}


@pytest.mark.parametrize("body", KEPT_SESSIONS.values(), ids=KEPT_SESSIONS)
def test_kept_sessions(tmp_path: Path, body: str) -> None:
    service = """
        class Service:
            def __init__(self, db: Session):
                self.db = db
            def ask(self):
                return self.db.execute(text("select 1")).scalar()
        """
    found = findings(tmp_path, dedent(service) + dedent(body))
    assert found
    assert all(each.fix is None or str(each.fix.applicability) == "unsafe" for each in found)


TRANSACTIONS = {
    "between a flush and its commit": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            db.flush()
            get("/")
        """,
        "unsafe",
    ),
    "after a helper that flushes": (
        """
        def create(db: Session):
            db.add(app)
            db.flush()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            create(db)
            db.commit()
        """,
        "unsafe",
    ),
    "after a query that sends what was added": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            db.add(app)
            db.execute(text("select 1"))
            db.commit()
        """,
        "unsafe",
    ),
    "below a function that locks rows": (
        """
        from sqlalchemy import select
        async def pay():
            await asyncio.sleep(0)
            return get("/")
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            db.execute(select(1).with_for_update())
            await pay()
        """,
        "unsafe",
    ),
    "where only some commit": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            db.flush()
            if not app:
                db.commit()
                return
            get("/")
            db.commit()
        """,
        "unsafe",
    ),
    "after the flush of the round before": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            for name in "abc":
                get(name)
                db.flush()
        """,
        "unsafe",
    ),
    "after a query that sends what the round before added": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            for name in "abc":
                db.execute(text("select 1"))
                get(name)
                db.add(name)
        """,
        "unsafe",
    ),
    "after the commit of the round before": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            for name in "abc":
                get(name)
                db.add(name)
                db.commit()
        """,
        "safe",
    ),
    "at the commit": (
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            row = db.execute(text("select 1")).scalar()
            db.add(row)
            db.commit()
            db.refresh(row)
        """,
        "safe",
    ),
    "after one of two helpers that commit or not": (
        """
        class One:
            def save(self, db: Session):
                db.flush()
        class Other(One):
            def save(self, db: Session):
                db.commit()
        @app.get("/")
        async def root(saver: One, db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            saver.save(db)
            get("/")
        """,
        "unsafe",
    ),
    "after a helper that commits": (
        """
        def create(db: Session):
            db.add(app)
            db.commit()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            create(db)
            get("/")
        """,
        "safe",
    ),
}


@pytest.mark.parametrize(("body", "applicability"), TRANSACTIONS.values(), ids=TRANSACTIONS)
def test_an_await_in_a_transaction(tmp_path: Path, body: str, applicability: str) -> None:
    found = findings(tmp_path, body)
    # The commit alone is sent by its own thread, whoever waits for it.
    assert {str(each.fix.applicability) for each in found if each.fix is not None} == {applicability}


ROWS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
class Base(DeclarativeBase):
    pass
class Role(Base):
    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    roles: Mapped[list[Role]] = relationship()
def change(user, data):
    for key, value in data.items():
        setattr(user, key, value)
def add(db: Session):
    db.add(Role())
def save(db: Session, user, commit=True):
    db.add(user)
    if commit:
        db.commit()
    else:
        db.flush()
def note():
    with SessionLocal() as own:
        own.get(User, 1).name = "seen"
        own.commit()
@app.get("/")
async def root(name: str, db: Session = Depends(get_db)):
    await asyncio.sleep(0)
    user = db.get(User, 1)
    {change}
    db.execute(text("select 1"))
    get("/")
    db.commit()
"""
CHANGED_ROWS = {
    "nothing": ("pass", "safe"),
    "an attribute": ("user.name = name", "unsafe"),
    "an attribute that is counted up": ("user.name += name", "unsafe"),
    "an attribute by its name": ('setattr(user, "name", name)', "unsafe"),
    "a relationship": ("user.roles.append(1)", "unsafe"),
    "by a helper": ('change(user, {"name": name})', "unsafe"),
    "by an addition of a helper": ("add(db)", "unsafe"),
    "by a helper that commits if it is asked to": ("save(db, user, commit=False)", "unsafe"),
    "in a branch that commits": ("if name:\n        user.name = name\n        db.commit()", "safe"),
    "where another branch commits": ("user.name = name\n    if name:\n        db.commit()", "unsafe"),
    "an attribute that no table has": ("user.colour = name", "safe"),
    "an object that is in no session": ("role = Role()\n    role.id = 1", "safe"),
    "by a helper with a session of its own": ("note()", "safe"),
}


@pytest.mark.parametrize(("change", "applicability"), CHANGED_ROWS.values(), ids=CHANGED_ROWS)
def test_an_await_after_a_query_that_sends_changes(tmp_path: Path, change: str, applicability: str) -> None:
    found = findings(tmp_path, ROWS.replace("{change}", change))
    assert {str(each.fix.applicability) for each in found if each.fix is not None} == {applicability}


def test_what_a_dependency_has_changed_is_sent_by_the_route(tmp_path: Path) -> None:
    body = ROWS.replace("db: Session = Depends(get_db)", "db: Session = Depends(get_db), me=Depends(current)")
    current = """
        async def current(db: Session = Depends(get_db)):
            user = db.get(User, 1)
            user.name = "seen"
            return user
        """
    text = body.replace("{change}", "pass").replace('@app.get("/")', dedent(current) + '@app.get("/")')
    applicabilities = [str(each.fix.applicability) for each in findings(tmp_path, text) if each.fix]
    assert applicabilities == ["safe", "unsafe", "unsafe"]


SPANNED_ROWS = {
    "the route sends": """
        @app.get("/")
        async def root(db: Session = Depends(get_session)):
            db.add(app)
            db.flush()
        """,
    "the route sends what a dependency adds": """
        async def add(db: Session = Depends(get_session)):
            db.add(app)
        @app.get("/")
        async def root(db: Session = Depends(get_session), added=Depends(add)):
            db.execute(text("select 1"))
        """,
    "a dependency sends": """
        def add(db: Session = Depends(get_session)):
            db.execute(text("insert into names values (1)"))
        @app.get("/")
        async def root(added=Depends(add)):
            get("/")
        """,
}


@pytest.mark.parametrize("body", SPANNED_ROWS.values(), ids=SPANNED_ROWS)
def test_a_route_around_which_rows_are_locked(tmp_path: Path, body: str) -> None:
    session = """
        def get_session():
            with SessionLocal() as session:
                yield session
                session.commit()
        """
    head = HEAD.replace(ENGINE, 'create_engine("postgresql://", max_overflow=-1)')
    [found] = findings(tmp_path, dedent(session) + dedent(body), head)
    assert found.fix is not None
    assert str(found.fix.applicability) == "unsafe"


OBJECTS_OF_LIBRARIES = {
    "of a module, in a route": ("""
        shared = Buffer()
        @app.get("/")
        async def root(x: int):
            shared.append_something(x)
            return get("/").status_code
        """, "unsafe"),
    "of a module, around an await": ("""
        shared = Buffer()
        @app.get("/")
        async def root(x: int):
            await asyncio.sleep(0)
            shared.begin(x)
            get("/")
            shared.end(x)
        """, "unsafe"),
    "of a service": ("""
        class Service:
            def __init__(self):
                self.buffer = Buffer()
            def work(self, x):
                self.buffer.append_something(x)
                return get("/").status_code
        service = Service()
        @app.get("/")
        async def root(x: int):
            await asyncio.sleep(0)
            return service.work(x)
        """, "unsafe"),
    "made by nobody knows what": ("""
        shared = somelib.make()
        @app.get("/")
        async def root(x: int):
            shared.append_something(x)
            return get("/").status_code
        """, "unsafe"),
    "kept by the application": ("""
        app.state.buffer = Buffer()
        @app.get("/")
        async def root(x: int, request: Request):
            request.app.state.buffer.append_something(x)
            return get("/").status_code
        """, "unsafe"),
    "kept by a cache": ("""
        @functools.lru_cache
        def buffer():
            return Buffer()
        @app.get("/")
        async def root(x: int):
            mine = buffer()
            mine.append_something(x)
            return get("/").status_code
        """, "unsafe"),
    "given by a dependency": ("""
        shared = Buffer()
        def buffer():
            return shared
        @app.get("/")
        async def root(x: int, mine: Buffer = Depends(buffer)):
            mine.append_something(x)
            return get("/").status_code
        """, "unsafe"),
    "of a module, around the route": ("""
        shared = Buffer()
        async def begun():
            shared.begin()
            yield
            shared.end()
        @app.get("/")
        async def root(begun=Depends(begun)):
            await asyncio.sleep(0)
            return get("/").status_code
        """, "unsafe"),
    "a hash that all go on with": ("""
        import hashlib
        shared = hashlib.sha256()
        @app.get("/")
        async def root():
            shared.update(b"x")
            return get("/").status_code
        """, "unsafe"),
    "of the function": ("""
        @app.get("/")
        async def root(x: int):
            mine = Buffer()
            mine.append_something(x)
            return get("/").status_code
        """, "safe"),
    "a logger": ("""
        import logging
        logger = logging.getLogger(__name__)
        @app.get("/")
        async def root():
            logger.info("x")
            return get("/").status_code
        """, "safe"),
    "a column of a class that nobody knows": ("""
        models = somelib.load()
        @app.get("/")
        async def root():
            get("/")
            return models.User.name.desc()
        """, "safe"),
    "a text of the settings": ("""
        settings = somelib.load()
        @app.get("/")
        async def root():
            return get(settings.url.rstrip("/")).status_code
        """, "safe"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "applicability"), OBJECTS_OF_LIBRARIES.values(), ids=OBJECTS_OF_LIBRARIES)
def test_objects_of_libraries(tmp_path: Path, body: str, applicability: str) -> None:
    found = findings(tmp_path, "import somelib\nfrom somelib import Buffer\n" + dedent(body))
    assert {str(each.fix.applicability) for each in found if each.fix is not None} == {applicability}


REPLACED = {
    "of the program": """
        import services
        from services import helper
        services.helper = other
        @app.get("/")
        async def root():
            helper()
            get("/")
        """,
    "of a library": """
        requests.get = other
        @app.get("/")
        async def root():
            get("/")
        """,
    "by its name": """
        setattr(time, "sleep", other)
        @app.get("/")
        async def root():
            time.sleep(1)
        """,
    "of a class": """
        class Client:
            def ask(self):
                return get("/")
        Client.ask = other
        @app.get("/")
        async def root():
            Client().ask()
        """,
}


@pytest.mark.parametrize("body", REPLACED.values(), ids=REPLACED)
def test_functions_that_the_program_replaces(tmp_path: Path, body: str) -> None:
    (tmp_path / "services.py").write_text("def helper():\n    return 1\n", encoding="utf-8")
    other = """
        def other(*args, **options):
            seen["n"] = 1
        """
    found = findings(tmp_path, dedent(other) + dedent(body))
    assert {str(each.fix.applicability) for each in found if each.fix is not None} == {"unsafe"}


BY_USER = """
    def get_user(db: Session = Depends(get_db)):
        return db.execute(text("select 1")).scalar()
    @app.get("/")
    async def root(db: Session = Depends(get_db), user=Depends(get_user)):
        return db.execute(text("select 2")).all()
    """
WAITS = {
    "the pool that SQLAlchemy makes": (ENGINE, BY_USER, "unsafe"),
    "a small pool": ('create_engine("postgresql://", pool_size=2, max_overflow=3)', BY_USER, "unsafe"),
    "a pool for all threads": ('create_engine("postgresql://", pool_size=50)', BY_USER, "safe"),
    "a pool of settings": ('create_engine("postgresql://", **OPTIONS)', BY_USER, "unsafe"),
    "a pool without a limit": ('create_engine("postgresql://", max_overflow=-1)', BY_USER, "safe"),
    "no pool": ('create_engine("postgresql://", poolclass=NullPool)', BY_USER, "safe"),
    "a call to another service": (
        ENGINE,
        BY_USER.replace('db.execute(text("select 2")).all()', 'await asyncio.sleep(0), get("/")'),
        "unsafe",
    ),
    "a sleep, which needs no thread": (
        ENGINE,
        BY_USER.replace('return db.execute(text("select 2")).all()', "time.sleep(1)"),
        "safe",
    ),
    "a dependency that ends its transaction": (
        ENGINE,
        BY_USER.replace("return db.execute", "db.execute").replace(".scalar()", "\n        db.commit()"),
        "safe",
    ),
    "the loop waits for connections itself": (
        ENGINE,
        """
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            return db.execute(text("select 1")).all()
        """,
        "safe",
    ),
    "a session that the function opens, in one thread": (
        ENGINE,
        """
        def load():
            with SessionLocal() as db:
                db.execute(text("update x"))
                db.commit()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            load()
        """,
        "safe",
    ),
    "a session that goes from thread to thread": (
        ENGINE,
        """
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            with SessionLocal() as db:
                db.execute(text("select 1"))
                db.commit()
        """,
        "unsafe",
    ),
}


@pytest.mark.parametrize(("engine", "body", "applicability"), WAITS.values(), ids=WAITS)
def test_a_thread_for_who_holds_a_connection(
    tmp_path: Path, engine: str, body: str, applicability: str
) -> None:
    found = findings(tmp_path, body, HEAD.replace(ENGINE, engine))
    assert {str(each.fix.applicability) for each in found if each.fix is not None} == {applicability}


IN_THREADS = {
    "in memory": ('create_engine("sqlite://")', "", "in memory"),
    "in memory, by a name": ('create_engine(URL := "sqlite://")', "", "in memory"),
    "in memory, by settings": ("create_engine(Settings.url)", "", "in memory"),
    "a file, before SQLAlchemy 2": ('create_engine(f"sqlite:///{user}.db")', "sqlalchemy<2", "SQLAlchemy 2"),
    "a file": ('create_engine("sqlite:///x.db")', "sqlalchemy", None),
    "a file, for any thread": (
        'create_engine("sqlite:///x.db", connect_args={"check_same_thread": False})',
        "sqlalchemy==1.4.54",
        None,
    ),
}


@pytest.mark.parametrize(("engine", "requirements", "reason"), IN_THREADS.values(), ids=IN_THREADS)
def test_databases_that_threads_share(
    tmp_path: Path, engine: str, requirements: str, reason: str | None
) -> None:
    (tmp_path / "requirements.txt").write_text(requirements, encoding="utf-8")
    settings = 'class Settings:\n    url: str = "sqlite://"\n\n\nSessionLocal ='
    body = """
        def load(db):
            return db.execute(text("select 1")).all()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            return load(db), get("/")
        @app.get("/later")
        async def later(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            return load(db)
        """
    found = findings(tmp_path, body, HEAD.replace(ENGINE, engine).replace("SessionLocal =", settings))
    for each in found:
        if each.code != "FL102":
            assert (each.fix is None) == (reason is not None)
            assert reason is None or reason in (each.unfixed or "")
        else:
            assert each.fix is not None
            assert ("def" in each.fix.title) == (reason is None)


CALLED_ELSEWHERE = {
    "through two names": {
        "a.py": "from main import ask as gee\n",
        "b.py": "from a import gee as aitch\n\n\nasync def f():\n    return await aitch()\n",
    },
    "by a string": {"a.py": "import main\n\n\nasync def f():\n    return await getattr(main, 'ask')()\n"},
    "by the module itself": {"main.py": "\nimport main\n\n\nasync def f():\n    return await main.ask()\n"},
    "by a queue of its own": {
        "main.py": "\nclass Queue:\n    def add_task(self, f):\n        self.f = f\n\n\nQueue().add_task(ask)\n"
    },
}


@pytest.mark.parametrize("files", CALLED_ELSEWHERE.values(), ids=CALLED_ELSEWHERE)
def test_functions_that_others_call_stay_coroutines(tmp_path: Path, files: dict[str, str]) -> None:
    body = """
        async def ask():
            return get("/").text
        @app.get("/")
        async def root(asked=Depends(ask)):
            return asked
        """
    for name, text in files.items():
        if name != "main.py":
            (tmp_path / name).write_text(text, encoding="utf-8")
    found = findings(tmp_path, dedent(body) + files.get("main.py", ""))
    assert all("a `def`" not in each.fix.title for each in found if each.fix is not None)
    assert any(each.fix is not None for each in found)


REFUSED = {
    "under a lock": ("""
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            with lock:
                return get("/").status_code
        """, "a lock is held here"),
    "a connection of sqlite3": ("""
        @app.get("/")
        async def root():
            connection = sqlite3.connect("x.db")
            await asyncio.sleep(0)
            connection.execute("select 1")
        """, "the thread that made it"),
    "a connection that a helper opens": (
        """
        def connect():
            return sqlite3.connect("x.db")
        @app.get("/")
        async def root():
            connection = connect()
            await asyncio.sleep(0)
            return connection.total_changes
        """,
        "the thread that made it",
    ),
    "an asynchronous session is an argument": (
        """
        def store(db: AsyncSession):
            db.add(object())
            time.sleep(1)
        @app.get("/")
        async def root(db: AsyncSession):
            await asyncio.sleep(0)
            store(db)
        """,
        "an argument belongs to the event loop",
    ),
    "a generator is an argument": (
        """
        def count():
            yield 1
        def store(numbers):
            time.sleep(1)
            return list(numbers)
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return store(count())
        """,
        "an argument belongs to the event loop",
    ),
    "a context variable": ("""
        def log_in():
            time.sleep(1)
            user.set("me")
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            log_in()
            return user.get()
        """, "it sets a context variable"),
    "tasks are made below": ("""
        def start():
            time.sleep(1)
            return asyncio.get_running_loop().create_task(asyncio.sleep(1))
        @app.get("/")
        async def root():
            await start()
        """, "the call is awaited already"),
    "the loop is asked for below": ("""
        def start():
            time.sleep(1)
            asyncio.create_task(asyncio.sleep(1))
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            start()
        """, "needs the event loop"),
    "a lock under another name": (
        """
        GUARD = threading.Lock()
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            with GUARD:
                time.sleep(1)
        """,
        "a lock is held here",
    ),
    "a lock of the caller": (
        """
        async def nap():
            time.sleep(1)
        @app.get("/")
        async def root():
            with lock:
                await nap()
        """,
        "a lock is held here",
    ),
    "a lock that is acquired": (
        """
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            lock.acquire()
            try:
                time.sleep(1)
            finally:
                lock.release()
        """,
        "a lock is held here",
    ),
    "a connection of the module": (
        """
        connection = sqlite3.connect("x.db")
        def ask():
            return connection.execute("select 1").fetchone()
        @app.get("/")
        async def root():
            return ask()
        """,
        "belongs to the thread",
    ),
    "a connection of a dependency": (
        """
        async def get_connection():
            connection = sqlite3.connect("x.db")
            yield connection
        @app.get("/")
        async def root(connection=Depends(get_connection)):
            await asyncio.sleep(0)
            return 1
        """,
        "the thread that made it",
    ),
    "a signal": (
        """
        import signal
        def limited():
            signal.signal(signal.SIGALRM, print)
            time.sleep(1)
        @app.get("/")
        async def root():
            return limited()
        """,
        "needs the main thread",
    ),
    "an f-string that shows its code": (
        """
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return f"{get('/')=}"
        """,
        "",
    ),
    "a session that two tasks use": ("""
        async def one(db: Session):
            return db.execute(text("select 1")).all()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            return await asyncio.gather(one(db), one(db))
        """, "in use in another task"),
    "a session that a task got": (
        """
        async def tell(db: Session):
            await asyncio.sleep(1)
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            task = asyncio.create_task(tell(db))
            await asyncio.sleep(0)
            db.commit()
            await task
        """,
        "in use in another task",
    ),
    "a generator is advanced": ("""
        def slow():
            time.sleep(1)
            yield 1
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            return next(slow())
        """, "`StopIteration` cannot leave a thread"),
    "a loop": ("""
        def slow():
            for n in range(3):
                time.sleep(1)
                yield n
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            for n in slow():
                print(n)
        """, "collect everything first"),
    "a keyword that the pool has itself": ("""
        def call(func):
            time.sleep(1)
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            call(func=1)
        """, "has a parameter `func`"),
    "connections of peewee": ("""
        from peewee import CharField, Model, PostgresqlDatabase
        class User(Model):
            name = CharField()
            class Meta:
                database = PostgresqlDatabase("app")
        @app.get("/")
        async def root():
            return User.select().count()
        """, "each thread"),
    "one connection of SQLite for all": ("""
        from sqlalchemy.pool import StaticPool
        Own = sessionmaker(create_engine("sqlite:///app.db", poolclass=StaticPool))
        @app.get("/")
        async def root():
            await asyncio.sleep(0)
            with Own() as db:
                db.execute(text("select 1"))
        """, "each thread"),
    "keys that are read one by one": ("""
        from redis import Redis
        @app.get("/")
        async def root():
            r = Redis()
            await asyncio.sleep(0)
            return list(r.scan_iter("user:*"))
        """, "it gives an iterator"),
    "a future that is done": ("""
        futures = {}
        def finish(n):
            futures[n].set_result(requests.get("/", timeout=3).text)
        @app.get("/")
        async def root(n: int):
            await asyncio.sleep(0)
            finish(n)
        """, "needs the event loop"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused(tmp_path: Path, body: str, reason: str) -> None:
    found = findings(tmp_path, body)
    assert found
    assert all(each.fix is None for each in found)
    assert reason in " ".join(each.unfixed for each in found)


def test_classes_in_functions_are_read_where_they_stand(tmp_path: Path) -> None:
    found = findings(
        tmp_path,
        """
        def model(name, fields):
            for one in fields:
                if one:
                    for other in fields[one]:
                        class Model:
                            kept = sessionmaker(other)
        class Service:
            def __init__(self, db: Session):
                self.db = db
            def names(self):
                return self.db.execute(text("select name from users")).all()
        @app.get("/")
        async def root(db: Session = Depends(get_db)):
            await asyncio.sleep(0)
            return Service(db).names()
        """,
    )
    assert found
