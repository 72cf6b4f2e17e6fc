"""The command that makes routes asynchronous: programs before and after, and what it leaves alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any

import anyio
import httpx
import pytest

from fastlint.cli.boundary import run
from fastlint.config.settings import Settings
from fastlint.engine.migrating import MigrationResult, migrate_routes
from fastlint.engine.run import check

Program = dict[str, str]

ROUTE = """
    from fastapi import FastAPI

    from helpers import load

    app = FastAPI()


    @app.get("/items/{name}")
    async def read_item(name: str):
        return load(name)
    """
JAR = "cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[]))"


def write(directory: Path, program: Program) -> None:
    for name, text in program.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


def settings(directory: Path) -> Settings:
    return Settings(root=directory, paths=(directory,), cwd=directory, cache=False)


def migrated(directory: Path, program: Program, target: str = "main.py") -> MigrationResult:
    """What a migration makes of a program; whatever it makes compiles, and a second one changes nothing."""
    write(directory, program)
    result = migrate_routes(settings(directory), (target,))
    assert not result.write()
    for text in result.after.values():
        compile(text, "after", "exec")
    assert not migrate_routes(settings(directory), (target,)).after
    return result


def blocking(directory: Path) -> set[str]:
    return {d.code for d in check(settings(directory)).diagnostics if d.code[:3] in ("FL1", "FL2")}


def lines(result: MigrationResult, file: str = "helpers.py") -> str:
    return result.after[file]


def reason(result: MigrationResult) -> str:
    """Why nothing was changed."""
    assert not result.after
    [chain] = result.refused
    return chain.reason


# Whole chains


def test_a_chain_through_several_files(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "app/__init__.py": "",
            "app/weather.py": """
                import time

                import requests


                def fetch(city: str, days: int = 1):
                    response = requests.get(  # the upstream
                        f"https://weather.example/{city}", params={"days": days}, timeout=5
                    )
                    if not response.ok:
                        time.sleep(0.5)
                    response.raise_for_status()
                    return response.json()


                def temperature(city: str) -> float:
                    return fetch(city)["now"] + fetch(city, days=2)["now"]
                """,
            "app/main.py": """
                from fastapi import Depends, FastAPI
                from fastapi.concurrency import run_in_threadpool

                from app import weather
                from app.weather import temperature

                app = FastAPI()


                def current(city: str):
                    return temperature(city)


                @app.get("/weather/{city}")
                async def read_weather(city: str):
                    return {"now": temperature(city), "all": [weather.fetch(c) for c in city.split(",")]}


                @app.get("/plain/{city}")
                def plain(city: str, now=Depends(current)):
                    return f"{temperature(city)} degrees"


                @app.get("/threads/{city}")
                async def threads(city: str):
                    return await run_in_threadpool(weather.fetch, city, days=3)
                """,
        },
        "GET /weather/{city}",
    )
    assert not result.refused
    assert (
        result.after["app/weather.py"]
        == dedent(f"""
            import asyncio
            from http.cookiejar import CookieJar, DefaultCookiePolicy

            import httpx

            http_client = httpx.AsyncClient(
                follow_redirects=True, timeout=None, {JAR}
            )


            async def fetch(city: str, days: int = 1):
                response = await http_client.get(  # the upstream
                    f"https://weather.example/{{city}}", params={{"days": days}}, timeout=5
                )
                if response.is_error:
                    await asyncio.sleep(0.5)
                response.raise_for_status()
                return response.json()


            async def temperature(city: str) -> float:
                return (await fetch(city))["now"] + (await fetch(city, days=2))["now"]
            """).lstrip()
    )
    assert (
        result.after["app/main.py"]
        == dedent("""
            from fastapi import Depends, FastAPI

            from app import weather
            from app.weather import temperature

            app = FastAPI()


            async def current(city: str):
                return await temperature(city)


            @app.get("/weather/{city}")
            async def read_weather(city: str):
                return {"now": await temperature(city), "all": [await weather.fetch(c) for c in city.split(",")]}


            @app.get("/plain/{city}")
            async def plain(city: str, now=Depends(current)):
                return f"{await temperature(city)} degrees"


            @app.get("/threads/{city}")
            async def threads(city: str):
                return await weather.fetch(city, days=3)
            """).lstrip()
    )
    assert not blocking(tmp_path)


def test_handlers_catch_what_is_raised_now(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "helpers.py": """
                import requests
                from requests.exceptions import HTTPError


                def load(name):
                    try:
                        response = requests.get("https://a.example/x", timeout=3)
                        response.raise_for_status()
                    except HTTPError as error:
                        return error.response.status_code
                    except (requests.Timeout, KeyError):
                        return None
                    except requests.exceptions.ConnectionError:
                        return 1
                    except requests.RequestException:
                        return 2
                    return response.text
                """,
            "main.py": ROUTE,
        },
    )
    text = lines(result)
    assert "except httpx.HTTPStatusError as error:" in text
    assert "except (httpx.TimeoutException, KeyError):" in text
    assert "except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError):" in text
    assert "except httpx.HTTPError:" in text
    assert "requests" not in text


def test_handlers_in_callers_follow_and_take_other_calls_along(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "helpers.py": """
                import requests


                def load(name):
                    return requests.get(name).json()


                def save(name):
                    requests.post(name, json={})
                """,
            "main.py": """
                import requests
                from fastapi import FastAPI

                from helpers import load, save

                app = FastAPI()


                @app.get("/items/{name}")
                async def read_item(name: str):
                    try:
                        save(name)
                        return load(name)
                    except requests.RequestException:
                        return None
                """,
        },
    )
    assert "except (httpx.HTTPError, httpx.InvalidURL, json.JSONDecodeError):" in lines(
        result, "main.py"
    ) or ("except (httpx.HTTPError, httpx.InvalidURL, JSONDecodeError):" in lines(result, "main.py"))
    assert "await http_client.post(name, json={})" in lines(result)
    assert not blocking(tmp_path)


def test_a_response_is_followed_through_functions(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "helpers.py": """
                import requests


                def send(name) -> requests.Response:
                    if name:
                        response = requests.post("https://a.example", json={"name": name})
                    else:
                        response = requests.get("https://a.example")
                    return response


                def load(name):
                    answer = send(name)
                    if answer is None or not answer.ok:
                        return answer.reason, answer.url
                    return send("x").json(), send("y").ok
                """,
            "main.py": ROUTE,
        },
    )
    text = lines(result)
    assert "async def send(name) -> httpx.Response:" in text
    assert "response = await http_client.get(" in text
    assert "if answer is None or answer.is_error:" in text
    assert "return answer.reason_phrase, str(answer.url)" in text
    assert 'return (await send("x")).json(), not (await send("y")).is_error' in text


def test_clients_become_asynchronous_with_all_their_users(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "cache.py": """
                import redis
                from redis import Redis

                client: Redis = redis.Redis.from_url("redis://localhost", decode_responses=True)


                def get_cache() -> Redis:
                    return client


                def remember(key: str) -> None:
                    client.set("last", key, ex=60)
                """,
            "llm.py": """
                import httpx
                from openai import OpenAI


                class Assistant:
                    def __init__(self, key: str) -> None:
                        self.client = OpenAI(api_key=key)
                        self._http: httpx.Client | None = None

                    def http(self) -> httpx.Client:
                        if self._http is None:
                            self._http = httpx.Client(base_url="https://a.example")
                        return self._http

                    def ask(self, text: str) -> str:
                        answer = self.client.with_options(timeout=5).chat.completions.create(model="m", messages=[])
                        return answer.choices[0].message.content

                    def page(self, name: str) -> str:
                        return self.http().get(name).text

                    def close(self):
                        if self._http:
                            self._http.close()


                def once(url: str) -> str:
                    with httpx.Client() as http:
                        return http.get(url).text
                """,
            "main.py": """
                from typing import Annotated

                from fastapi import Depends, FastAPI
                from redis import Redis

                import cache
                from cache import client as shared, get_cache, remember
                from llm import Assistant, once

                app = FastAPI()
                assistant = Assistant("key")


                @app.get("/one")
                async def one(q: str):
                    remember(q)
                    return assistant.ask(q) + assistant.page("x") + once("https://a.example")


                @app.get("/two")
                async def two(store: Annotated[Redis, Depends(get_cache)]):
                    return store.get("q"), shared.get("s"), cache.client.get("t")


                @app.on_event("shutdown")
                def shutdown():
                    assistant.close()
                    shared.close()
                """,
        },
    )
    assert not result.refused
    assert lines(result, "cache.py").startswith(
        "from redis.asyncio import Redis\n\nclient: Redis = Redis.from_url("
    )
    assert "self.client = AsyncOpenAI(api_key=key)" in lines(result, "llm.py")
    assert "await self.client.with_options(timeout=5).chat.completions.create(" in lines(result, "llm.py")
    assert "return (await self.http().get(name)).text" in lines(result, "llm.py")
    assert "await self._http.aclose()" in lines(result, "llm.py")
    assert "async with httpx.AsyncClient() as http:" in lines(result, "llm.py")
    main = lines(result, "main.py")
    assert "from redis.asyncio import Redis" in main
    assert 'return await store.get("q"), await shared.get("s"), await cache.client.get("t")' in main
    assert 'await assistant.ask(q) + await assistant.page("x") + await once("https://a.example")' in main
    assert "async def shutdown():\n    await assistant.close()\n    await shared.aclose()" in main
    assert not blocking(tmp_path)


def test_a_client_of_a_class_and_one_that_is_remembered(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "helpers.py": """
                from functools import lru_cache

                import httpx
                from openai import OpenAI


                class Assistant:
                    client = OpenAI()

                    def ask(self) -> str:
                        return self.client.embeddings.create(model="m", input="x").model


                @lru_cache
                def get_http() -> httpx.Client:
                    return httpx.Client()


                def load(name):
                    return Assistant().ask() + get_http().get(name).text
                """,
            "main.py": ROUTE,
        },
    )
    text = lines(result)
    assert "client = AsyncOpenAI()" in text
    assert "return (await self.client.embeddings.create(" in text
    assert "@lru_cache\ndef get_http() -> httpx.AsyncClient:\n    return httpx.AsyncClient()" in text
    assert "return await Assistant().ask() + (await get_http().get(name)).text" in text


def test_databases_collections_and_cursors(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "db.py": """
                import redis
                from pymongo import MongoClient
                from pymongo.collection import Collection

                client = MongoClient("mongodb://localhost")
                db = client["shop"]
                users: Collection = db["users"]
                orders = client.get_database("shop").orders
                store = redis.Redis()
                """,
            "helpers.py": """
                from db import db, orders, store, users


                def load(name):
                    user = users.find_one({"name": name})
                    cursor = orders.find({"user": user["_id"]}).sort("number")
                    found = [order["number"] for order in cursor]
                    for row in orders.aggregate([]):
                        found.append(row)
                    for key in store.scan_iter("a*"):
                        store.delete(key)
                    first = list(orders.aggregate([]))[0]
                    return found, first, db.things.count_documents({}), list(users.find().limit(5)), list(store.scan_iter())
                """,
            "main.py": ROUTE,
        },
    )
    assert not result.refused
    assert 'client = AsyncMongoClient("mongodb://localhost")' in lines(result, "db.py")
    assert "users: AsyncCollection" in lines(result, "db.py")
    text = lines(result)
    assert 'user = await users.find_one({"name": name})' in text
    assert 'cursor = orders.find({"user": user["_id"]}).sort("number")' in text
    assert "async for order in cursor]" in text
    assert "async for row in await orders.aggregate([]):" in text
    assert 'async for key in store.scan_iter("a*"):' in text
    assert "first = (await (await orders.aggregate([])).to_list())[0]" in text
    assert "await db.things.count_documents({}), await users.find().limit(5).to_list()" in text
    assert "[item async for item in store.scan_iter()]" in text
    assert not blocking(tmp_path)


def test_sessions_of_requests(tmp_path: Path) -> None:
    helpers = """
        import requests

        session = requests.Session()
        session.headers.update({"X-Client": "shop"})


        def load(name):
            with requests.Session() as own:
                first = own.post("https://a.example", json={"a": name}, timeout=(3, 10))
                if not first.ok:
                    return first.reason
            return session.get("https://a.example/x").json()
        """
    text = lines(migrated(tmp_path, {"helpers.py": helpers, "main.py": ROUTE}))
    assert "session = httpx.AsyncClient(follow_redirects=True, timeout=None)" in text
    assert "async with httpx.AsyncClient(follow_redirects=True, timeout=None) as own:" in text
    assert "first = await own.post(" in text
    assert "if first.is_error:\n            return first.reason_phrase" in text
    assert 'return (await session.get("https://a.example/x")).json()' in text


def test_responses_in_handlers_are_followed(tmp_path: Path) -> None:
    helpers = """
        import requests


        def load(name):
            try:
                requests.get("https://a.example").raise_for_status()
            except requests.HTTPError as error:
                return error.response.reason, error.response.ok
        """
    result = migrated(tmp_path, {"helpers.py": helpers, "main.py": ROUTE})
    assert "return error.response.reason_phrase, not error.response.is_error" in lines(result)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_and_layout_stay(tmp_path: Path, newline: str) -> None:
    write(tmp_path, {"main.py": ROUTE})
    source = (
        '"""Doc."""\n# one\nimport httpx  # http\n\n\nclass A:\n\t@staticmethod\n\tdef load(name: str): return httpx.get(name, # why\n'
        "\t\ttimeout=3).text; \n\n\nload = A.load\n\n\ndef load(name): return A.load(name) # noqa\n"
    ).replace("load = A.load\n\n\n", "")
    (tmp_path / "helpers.py").write_bytes(source.replace("\n", newline).encode())
    result = migrate_routes(settings(tmp_path), ("read_item",))
    text = result.after["helpers.py"]
    assert text.count("\r\n") == (text.count("\n") if newline == "\r\n" else 0)
    assert "\tasync def load(name: str): return (await http_client.get(name, # why" in text
    assert "async def load(name): return await A.load(name) # noqa" in text
    assert "import httpx  # http" in text


def test_methods_that_override_each_other_follow_together(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "helpers.py": """
                from abc import ABC, abstractmethod

                import requests


                class Source(ABC):
                    @abstractmethod
                    def fetch(self, name: str) -> str: ...


                class Remote(Source):
                    def fetch(self, name: str) -> str:
                        return requests.get("https://a.example").text


                class Local(Source):
                    def fetch(self, name: str) -> str:
                        return name


                def load(name: str, source: Source = Remote()):
                    return source.fetch(name)
                """,
            "main.py": ROUTE,
        },
    )
    assert lines(result).count("async def fetch(self, name: str)") == 3
    assert "return await source.fetch(name)" in lines(result)


def test_tests_are_left_alone_and_named(tmp_path: Path) -> None:
    result = migrated(
        tmp_path,
        {
            "helpers.py": "import time\n\n\ndef load(name):\n    time.sleep(1)\n",
            "tests/test_helpers.py": "from helpers import load\n\n\ndef test_load():\n    load('x')\n",
            "main.py": ROUTE,
        },
    )
    assert set(result.after) == {"helpers.py", "main.py"}
    assert any("tests/test_helpers.py:5" in note for note in result.notes)


# What it leaves alone

SLEEPING = "import time\n\n\ndef load(name):\n    time.sleep(1)\n\n\n"


@pytest.mark.parametrize(
    ("helpers", "why"),
    [
        (SLEEPING + "load('x')\n", "module level cannot await"),
        (SLEEPING + "class A:\n    def __init__(self):\n        load('x')\n", "called by Python itself"),
        (SLEEPING + "class A:\n    @property\n    def x(self):\n        return load('x')\n", "the decorator `property`"),
        (SLEEPING + "f = lambda: load('x')\n", "a lambda cannot await"),
        (SLEEPING + "def f():\n    return sum(load(x) for x in 'ab')\n", "a generator expression"),
        (SLEEPING + "def f():\n    return map(load, 'ab')\n", "handed on in helpers.py:9"),
        (SLEEPING + "def f():\n    yield load('x')\n", "is a generator"),
        (SLEEPING + "from threading import Lock\nlock = Lock()\ndef f():\n    with lock:\n        load('x')\n", "a lock is held"),
        (
            "import time\ntry:\n    from fast import load\nexcept ImportError:\n    def load(name): time.sleep(1)\n",
            "more than once",
        ),
        (SLEEPING + "def f(x=load('y')): ...\n", "defaults and decorators"),
        ("import functools\n" + SLEEPING.replace("def load", "@functools.lru_cache\ndef load"), "decorator"),
    ],
)  # fmt: skip
def test_callers_that_cannot_await(tmp_path: Path, helpers: str, why: str) -> None:
    write(tmp_path, {"helpers.py": helpers, "main.py": ROUTE})
    result = migrate_routes(settings(tmp_path), ("main.py",))
    if "lru_cache" in helpers:
        assert not result.after
        return
    assert why in reason(result)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("requests.get(name, verify=False).text", "`verify`"),
        ("requests.get(name, stream=True).text", "`stream`"),
        ("requests.get(name, cookies={'a': 'b'}).text", "`cookies`"),
        ("requests.get(name, {'a': 'b'}).text", "by position"),
        ("requests.get(**name).text", "come from a dictionary"),
        ("requests.get(name, params={'a': '1'}).text", "may have a query"),
        ("requests.get('https://a.example', params={'a': name}).text", "may hold None"),
        ("requests.get('https://a.example', params=name).text", "may hold None"),
        ("requests.post(name, data=name).text", "a form or a body"),
        ("requests.delete(name, json={}).text", "`json`"),
        ("requests.head(name).text", "no asynchronous counterpart"),
        ("requests.get(name).cookies", "`cookies` of the response"),
        ("requests.get(name).iter_lines()", "`iter_lines` of the response"),
        ("print(requests.get(name))", "handed on"),
        ("1 if requests.get(name) else 2", "handed on"),
        ("requests.get(name, auth=name).text", "`auth`"),
    ],
)
def test_requests_that_mean_something_else_in_httpx(tmp_path: Path, call: str, why: str) -> None:
    helpers = f"import requests\n\n\ndef load(name):\n    return {call}\n"
    write(tmp_path, {"helpers.py": helpers, "main.py": ROUTE})
    assert why in reason(migrate_routes(settings(tmp_path), ("main.py",)))


@pytest.mark.parametrize(
    ("helpers", "why"),
    [
        (
            "import requests\n\n\ndef load(name):\n    r = requests.get(name)\n    if r:\n        return 1\n",
            "tested for truth",
        ),
        (
            "import requests\n\n\ndef load(name):\n    try:\n        return requests.get(name).text\n"
            "    except requests.RequestException as e:\n        return e.response\n",
            "`e.response`",
        ),
        (
            "import requests\n\n\ndef load(name):\n    try:\n        return requests.get(name).text\n"
            "    except requests.exceptions.SSLError:\n        return 1\n",
            "has no counterpart",
        ),
        (
            "import httpx\nc = httpx.Client(transport=None)\nd = httpx.Client(auth=object())\n\n\ndef load(name):\n    return d.get(name).text\n",
            "`auth`",
        ),
        (
            "import requests\nERRORS = (requests.Timeout, ValueError)\n\n\ndef load(name):\n    try:\n"
            "        return requests.get(name).text\n    except ERRORS:\n        return 1\n",
            "`requests.Timeout` is used in helpers.py:2",
        ),
        (
            "import requests\n\n\ndef load(name):\n    try:\n        requests.get(name)\n        raise requests.HTTPError\n"
            "    except requests.HTTPError:\n        return 1\n",
            "`requests.HTTPError` is used in helpers.py:7",
        ),
        (
            "import requests\n\n\ndef load(name):\n    try:\n        requests.get(name).raise_for_status()\n"
            "    except requests.HTTPError as e:\n        return 1 if e.response else 2\n",
            "handed on",
        ),
        (
            "import requests\ns = requests.Session()\ns.mount('https://', None)\n\n\ndef load(name):\n    return s.get(name).text\n",
            "`mount`",
        ),
        (
            "from sqlalchemy.orm import Session\n\n\ndef load(name, db: Session = None):\n    return db.query(1).all()\n",
            "has no `query()`",
        ),
        (
            "from sqlalchemy.orm import Session\n\n\ndef load(name, db: Session = None):\n    db.commit()\n",
            "another driver",
        ),
        (
            "import asyncio\nimport httpx\n\n\nasync def work(name):\n    return load(name)\n\n\ndef run():\n"
            "    asyncio.run(work('x'))\n\n\ndef load(name):\n    return httpx.get(name).text\n",
            "an event loop of its own",
        ),
        (
            "from openai import OpenAI\n\n\nclass A:\n    client: OpenAI\n\n    def ask(self):\n"
            "        return self.client.embeddings.create(model='m', input='x')\n\n\ndef load(name):\n    return A().ask()\n",
            "nothing is found that makes the client",
        ),
        (
            "import httpx\nc = httpx.Client()\n\n\ndef use(c): ...\nuse(c)\n\n\ndef load(name):\n    return c.get(name).text\n",
            "handed on in helpers.py:6",
        ),
        (
            "import redis\nr = redis.Redis()\n\n\ndef load(name):\n    return r.get(name), r.transaction(print)\n",
            "`transaction`",
        ),
        (
            "from openai import OpenAI\nc = OpenAI()\n\n\ndef load(name):\n"
            "    return c.chat.completions.create(model='m', messages=[], stream=True)\n",
            "`stream`",
        ),
    ],
)  # fmt: skip
def test_objects_that_cannot_follow(tmp_path: Path, helpers: str, why: str) -> None:
    write(tmp_path, {"helpers.py": helpers, "main.py": ROUTE})
    result = migrate_routes(settings(tmp_path), ("main.py",))
    assert not result.after
    assert any(why in chain.reason for chain in result.refused)


def test_an_old_version_of_the_library(tmp_path: Path) -> None:
    helpers = "import redis\nr = redis.Redis()\n\n\ndef load(name):\n    return r.get(name)\n"
    write(tmp_path, {"helpers.py": helpers, "main.py": ROUTE, "requirements.txt": "fastapi\nredis==4.1.0\n"})
    assert "redis in a version before" in reason(migrate_routes(settings(tmp_path), ("main.py",)))


def test_a_plain_route_stays_where_something_else_below_it_blocks(tmp_path: Path) -> None:
    helpers = "import time\n\n\ndef load(name):\n    time.sleep(1)\n    open(name).read()\n    shutil.copytree(name, 'x')\n"
    program = {"helpers.py": f"import shutil\n{helpers}", "main.py": ROUTE.replace("async def", "def")}
    write(tmp_path, program)
    result = migrate_routes(settings(tmp_path), ("main.py",))
    assert not result.after
    assert any("cannot leave it behind" in chain.reason for chain in result.refused)


# The command


def test_the_command_shows_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"helpers.py": SLEEPING, "main.py": ROUTE})
    monkeypatch.chdir(tmp_path)
    assert run(["migrate", "GET /items/{name}", "--isolated"]) == 1
    shown = capsys.readouterr()
    assert "+    await asyncio.sleep(1)" in shown.out
    assert "helpers.py:5: `time.sleep` is awaited" in shown.err
    assert "time.sleep" in (tmp_path / "helpers.py").read_text()
    assert run(["migrate", "main.read_item", "--isolated", "--write"]) == 0
    assert "await asyncio.sleep" in (tmp_path / "helpers.py").read_text()
    capsys.readouterr()
    assert run(["migrate", "main.py", "--isolated"]) == 0
    assert run(["migrate", "read_itm", "--isolated"]) == 2
    assert 'did you mean "read_item"' in capsys.readouterr().err
    assert run(["migrate", "helpers.py", "--isolated"]) == 2
    assert run(["migrate", "main.py", "--write", "--diff"]) == 2


# Served


class Upstream(BaseHTTPRequestHandler):
    """Answers with what it was asked, redirects, fails, and sets cookies."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "cookie": self.headers.get("Cookie")}).encode()
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Set-Cookie", "seen=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_served_before_and_after(tmp_path: Path, upstream: str) -> None:
    program = f"""
        import httpx
        from fastapi import FastAPI, HTTPException

        app = FastAPI()


        def load(name: str):
            try:
                response = httpx.get(f"{upstream}/{{name}}", params={{"q": name}})
                response.raise_for_status()
            except httpx.HTTPStatusError as error:
                raise HTTPException(error.response.status_code) from error
            return response.json()


        @app.get("/items/{{name}}")
        async def read_item(name: str):
            return [load(name), load(name + "2")]
        """
    write(tmp_path, {"main.py": program})
    before = served((tmp_path / "main.py").read_text())
    result = migrate_routes(settings(tmp_path), ("main.py",))
    assert "await load(name)" in result.after["main.py"]
    assert served(result.after["main.py"]) == before
    assert before[0][0] == 200
    assert before[1][0] == 404


def served(code: str) -> list[tuple[int, object]]:
    """What the program answers to some requests."""
    namespace: dict[str, Any] = {}
    exec(compile(code, "main", "exec"), namespace)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(namespace["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [await client.get(f"/items/{name}") for name in ("a", "missing", "b")]

    return [(answer.status_code, answer.json()) for answer in anyio.run(ask)]
