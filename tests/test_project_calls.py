"""What runs when code runs: calls through chains, objects, decorators, callbacks; and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import assert_found


def test_a_chain_through_modules(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from first import start

        async def between():
            return start()  # FL101

        @app.get("/")
        async def read():
            return await between()
        """,
        {
            "first.py": "from second import Worker\ndef start():\n    return Worker().run()\n",
            "second.py": "import time\nclass Worker:\n    def run(self):\n        time.sleep(1)\n",
        },
    )


def test_plain_routes_run_in_threads(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def provide():
            time.sleep(1)

        @app.get("/")
        def read(provided=Depends(provide)):
            time.sleep(1)
        """,
    )


def test_recursion_ends(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def first(number):
            if number:
                return second(number - 1)

        def second(number):
            first(number)
            time.sleep(1)

        @app.get("/")
        async def read():
            first(3)  # FL101
        """,
    )


def test_calls_in_every_part_of_an_expression(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        async def give(*values, **named):
            return values

        @app.get("/")
        async def read(flag: bool):
            await give(requests.get("a"))  # FL102
            await give(*[requests.get("b")], key=requests.get("c"))  # FL102
            flag and requests.get("d")  # FL102
            f"{requests.get('e')}"  # FL102
            {requests.get("f"): 1}  # FL102
            assert requests.get("g")  # FL102
            [1, 2][requests.get("h")]  # FL102
            raise ValueError(requests.get("i"))  # FL102
        """,
    )


def test_methods_of_every_kind(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Worker:
            @staticmethod
            def static():
                time.sleep(1)
            @classmethod
            def made(cls):
                return cls().run()
            def run(self):
                self.static()
            def __call__(self):
                self.run()

        @app.get("/")
        async def read():
            worker = Worker()
            worker.static()  # FL101
            Worker.static()  # FL101
            Worker.made()  # FL101
            worker()  # FL101
            Worker.run(worker)  # FL101
            method = worker.run
            method()  # FL101
        """,
    )


@pytest.mark.parametrize("name", ["__init__", "__new__", "__post_init__"])
def test_constructors(tmp_path: Path, name: str) -> None:
    assert_found(
        tmp_path,
        f"""
        class Slow:
            def {name}(self, *args):
                time.sleep(1)

        class Child(Slow):
            pass

        class Other(Slow):
            def {name}(self, *args):
                return None

        @app.get("/")
        async def read():
            Other()
            Child()  # FL101
        """,
    )


def test_properties(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Profile:
            @property
            def picture(self):
                return requests.get("http://x")
            @property
            def quota(self):
                return 1
            @quota.setter
            def quota(self, value):
                time.sleep(1)

        class Cheap(Profile):
            @property
            def picture(self):
                return b""

        @app.get("/")
        async def read():
            profile = Profile()
            profile.picture  # FL102
            profile.quota
            profile.quota = 3  # FL101
            Profile.picture
            Cheap().picture
        """,
    )


def test_operators(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Remote:
            def __getitem__(self, key):
                time.sleep(1)
            def __setitem__(self, key, value):
                time.sleep(1)
            def __contains__(self, key):
                time.sleep(1)
            def __add__(self, other):
                time.sleep(1)
            def __sub__(self, other):
                return self
            def __getattr__(self, name):
                time.sleep(1)
            def known(self):
                return 1

        @app.get("/")
        async def read():
            remote = Remote()
            remote["a"]  # FL101
            remote["a"] = 1  # FL101
            "a" in remote  # FL101
            remote + 1  # FL101
            remote - 1
            remote.known()
            remote.unknown  # FL101
        """,
    )


def test_context_managers(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from contextlib import ExitStack, contextmanager

        class Enter:
            def __enter__(self):
                time.sleep(1)
            def __exit__(self, *error): ...

        class Leave:
            def __enter__(self): ...
            def __exit__(self, *error):
                time.sleep(1)

        @contextmanager
        def around():
            yield 1
            time.sleep(1)

        @app.get("/")
        async def read():
            entered, left, surrounding = Enter(), Leave(), around()
            with entered:  # FL101
                pass
            with left:  # FL101
                pass
            with surrounding:  # FL101
                pass
            with ExitStack() as stack:
                stack.enter_context(Enter())  # FL101
        """,
    )


def test_generators_run_where_they_are_iterated(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def rows():
            time.sleep(1)
            yield 1

        def more():
            yield from rows()

        @app.get("/")
        async def read():
            unused = rows()
            lazy = (row for row in rows())
            for row in rows():  # FL101
                pass
            list(more())  # FL101
            next(unused)  # FL101
            return [row for row in rows()]  # FL101
        """,
    )


def test_asynchronous_generators(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        async def rows():
            yield time.sleep(1)  # FL101

        class Pages:
            def __aiter__(self):
                return self
            async def __anext__(self):
                return requests.get("http://x")  # FL102

        @app.get("/")
        async def read():
            async for row in rows():
                pass
            return [page async for page in Pages()]
        """,
    )


def test_streamed_responses(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from fastapi.responses import StreamingResponse

        def in_thread():
            time.sleep(1)
            yield "row"

        async def on_loop():
            time.sleep(1)  # FL101
            yield "row"

        @app.get("/a")
        async def a():
            return StreamingResponse(in_thread())

        @app.get("/b")
        async def b():
            return StreamingResponse(on_loop())
        """,
    )


def test_decorators_that_wrap(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import functools

        def slow(function):
            @functools.wraps(function)
            def wrapper(*args):
                time.sleep(1)
                return function(*args)
            return wrapper

        def times(number):
            def decorate(function):
                def wrapper(*args):
                    return function(*args)
                return wrapper
            return decorate

        def marked(function):
            function.mark = True
            return function

        class Traced:
            def __init__(self, function):
                self.function = function
            def __call__(self, *args):
                return self.function(*args)

        @slow
        def cheap():
            return 1

        @times(3)
        def fetch():
            return requests.get("http://x")

        @times(3)
        @marked
        def harmless():
            return 1

        @Traced
        def traced():
            return requests.get("http://x")

        @app.get("/")
        async def read():
            cheap()  # FL101
            fetch()  # FL102
            harmless()
            traced()  # FL102
        """,
    )


def test_decorators_of_routes(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from functools import wraps

        def awaiting(function):
            @wraps(function)
            async def wrapper(*args, **kwargs):
                time.sleep(1)  # FL101
                return await function(*args, **kwargs)
            return wrapper

        @app.get("/")
        @awaiting
        async def read():
            return 1
        """,
    )


def test_decorators_that_offload(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def in_thread(function):
            async def wrapper(*args):
                return await asyncio.to_thread(function, *args)
            return wrapper

        @in_thread
        def fetch():
            return requests.get("http://x")

        @app.get("/")
        async def read():
            return await fetch()
        """,
    )


def test_decorators_of_libraries(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from functools import lru_cache
        from tenacity import retry, wait_fixed

        @retry(wait=wait_fixed(1))
        def flaky():
            return 1

        @retry(wait=wait_fixed(1))
        async def polite():
            return 1

        @lru_cache
        def settings():
            return open("settings.json").read()

        @app.get("/")
        async def read():
            settings()
            await polite()
            flaky()  # FL101
        """,
    )


def test_callbacks(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def apply(function, *args):
            return function(*args)

        def keep(function):
            app.state.kept = function

        def nap():
            time.sleep(1)

        @app.get("/")
        async def read():
            keep(nap)
            apply(len, "abc")
            apply(nap)  # FL101
            apply(lambda: nap())  # FL101
            apply(function=nap)  # FL101
        """,
    )


def test_callbacks_of_builtins(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def key(item):
            return requests.get(item)

        @app.get("/")
        async def read():
            map(key, ["a"])
            sorted(["a"], key=str.lower)
            sorted(["a"], key=key)  # FL102
            max(["a"], key=lambda item: key(item))  # FL102
            return [item for item in map(key, ["a"])]  # FL102
        """,
    )


def test_partials(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from functools import partial
        nap = partial(time.sleep, 1)

        class Client:
            def call(self, verb):
                return requests.request(verb, "http://x")

        @app.get("/")
        async def read():
            nap()  # FL101
            get = partial(Client().call, "GET")
            get()  # FL102
            await asyncio.to_thread(partial(nap))
        """,
    )


def test_closures(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def fetcher(url):
            def fetch():
                return requests.get(url)
            return fetch

        def scaler(factor):
            return lambda number: number * factor

        home = fetcher("http://home")

        @app.get("/")
        async def read():
            def never():
                time.sleep(1)
            def inner():
                time.sleep(1)
            inner()  # FL101
            home()  # FL102
            fetcher("http://x")()  # FL102
            scaler(3)(4)
            return never.__name__
        """,
    )


def test_tables_of_functions(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def nap():
            time.sleep(1)

        def fast():
            return 1

        HANDLERS = {"nap": nap, "fast": fast}
        HARMLESS = {"a": fast, "b": fast}

        @app.get("/")
        async def read(kind: str):
            HANDLERS[kind]()  # FL101
            handler = HANDLERS.get(kind, fast)
            handler()  # FL101
            HARMLESS[kind]()
        """,
    )


def test_functions_that_a_decorator_registers(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        PLUGINS = {}

        def register(function):
            PLUGINS[function.__name__] = function
            return function

        @register
        def nap():
            time.sleep(1)

        @app.get("/")
        async def read(kind: str):
            PLUGINS[kind]()  # FL101
        """,
    )


def test_single_dispatch(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from functools import singledispatch

        @singledispatch
        def render(thing):
            return ""

        @render.register
        def _(thing: int):
            time.sleep(1)

        @app.get("/")
        async def read(thing):
            render(thing)  # FL101
        """,
    )


def test_inheritance(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Base:
            def run(self):
                return self.step()
            def step(self):
                return 1
            def save(self):
                return 1

        class Slow(Base):
            def step(self):
                time.sleep(1)

        class Audit:
            def save(self):
                time.sleep(1)
                return super().save()

        class Audited(Audit, Base):
            pass

        class Polite(Slow):
            def step(self):
                return 2

        class Calls(Slow):
            def step(self):
                return super().step()

        @app.get("/")
        async def read():
            Base().run()
            Polite().run()
            Slow().run()  # FL101
            Calls().run()  # FL101
            Audited().save()  # FL101
        """,
    )


@pytest.mark.parametrize("base", ["abc.ABC", "typing.Protocol"])
def test_abstract_methods_and_protocols(tmp_path: Path, base: str) -> None:
    assert_found(
        tmp_path,
        f"""
        import abc, typing

        class Mailer({base}):
            @abc.abstractmethod
            def send(self): ...

        class Clock({base}):
            @abc.abstractmethod
            def now(self): ...

        class Smtp({"Mailer" if base == "abc.ABC" else ""}):
            def send(self):
                time.sleep(1)

        class Fixed({"Clock" if base == "abc.ABC" else ""}):
            def now(self):
                return 1

        def get_mailer() -> Mailer: ...
        def get_clock() -> Clock: ...

        @app.get("/")
        async def read(mailer: Mailer = Depends(get_mailer), clock: Clock = Depends(get_clock)):
            clock.now()
            mailer.send()  # FL101
        """,
    )


MEMO = """
    from functools import cache, lru_cache
    from pathlib import Path
    _kept = None
    _table = {}

    class Keeper:
        kept = None
        def attribute(self):
            if self.kept is None:
                self.kept = Path("x").read_text()
            return self.kept
        def by_hasattr(self):
            if not hasattr(self, "text"):
                self.text = Path("x").read_text()
            return self.text

    def by_global():
        global _kept
        if _kept is None:
            _kept = Path("x").read_text()
        return _kept

    def by_falsehood():
        global _kept
        if not _kept:
            _kept = Path("x").read_text()
        return _kept

    def by_return():
        global _kept
        if _kept is not None:
            return _kept
        _kept = Path("x").read_text()
        return _kept

    def by_key(key):
        if key not in _table:
            _table[key] = Path("x").read_text()
        return _table[key]

    def by_get(key):
        hit = _table.get(key)
        if hit is not None:
            return hit
        _table[key] = Path("x").read_text()
        return _table[key]

    @cache
    def cached():
        return Path("x").read_text()

    @lru_cache(maxsize=1)
    def cached_with_size():
        return Path("x").read_text()
"""


@pytest.mark.parametrize(
    "call",
    [
        "Keeper().attribute()",
        "Keeper().by_hasattr()",
        "by_global()",
        "by_falsehood()",
        "by_return()",
        "by_key('a')",
        "by_get('a')",
        "cached()",
        "cached_with_size()",
    ],
)
def test_what_is_kept_runs_once(tmp_path: Path, call: str) -> None:
    assert_found(tmp_path, f"{MEMO}\n    @app.get('/')\n    async def read():\n        {call}\n")


FALSE_MEMO = """
    from pathlib import Path
    _kept = None

    def parameter(path=None):
        if path is None:
            path = Path("x").read_text()
        return path

    def local():
        text = None
        if text is None:
            text = Path("x").read_text()
        return text

    def something_else():
        global _kept
        if _kept is None:
            return Path("x").read_text()
        return _kept

    def every_time():
        global _kept
        _kept = Path("x").read_text()
        return _kept

    def of_the_request(user):
        if user.text is None:
            user.text = Path("x").read_text()
        return user.text

    def local_table(key):
        table = {}
        if key not in table:
            table[key] = Path("x").read_text()
        return table[key]
"""


@pytest.mark.parametrize(
    "call",
    ["parameter()", "local()", "something_else()", "every_time()", "of_the_request(1)", "local_table('a')"],
)
def test_what_only_looks_kept_runs_every_time(tmp_path: Path, call: str) -> None:
    assert_found(
        tmp_path, f"{FALSE_MEMO}\n    @app.get('/')\n    async def read():\n        {call}  # FL103\n"
    )


@pytest.mark.parametrize(
    "call",
    [
        "await asyncio.to_thread(nap)",
        "await asyncio.get_running_loop().run_in_executor(None, nap)",
        "await run_in_threadpool(nap)",
        "await anyio.to_thread.run_sync(nap)",
        "await asyncio.wait_for(asyncio.to_thread(nap), 1)",
        "await asyncio.gather(*(asyncio.to_thread(nap) for _ in range(2)))",
        "await asyncio.to_thread(lambda: nap())",
        "await in_pool(nap)",
        "await in_pool_by_partial(nap)",
        "threading.Thread(target=nap).start()",
        "background.add_task(nap)",
    ],
)
def test_offloading(tmp_path: Path, call: str) -> None:
    assert_found(
        tmp_path,
        f"""
        import threading
        from functools import partial
        import anyio
        from fastapi import BackgroundTasks
        from fastapi.concurrency import run_in_threadpool

        def nap():
            time.sleep(1)

        async def in_pool(function, *args):
            return await run_in_threadpool(function, *args)

        async def in_pool_by_partial(function, *args):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, partial(function, *args))

        @app.get("/")
        async def read(background: BackgroundTasks):
            {call}
        """,
    )


def test_what_only_looks_offloaded(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def fetch():
            return requests.get("http://x").text

        async def helper(function):
            return function()  # FL102

        @app.get("/")
        async def read():
            await asyncio.to_thread(fetch())  # FL102
            await asyncio.to_thread(print, fetch())  # FL102
            await asyncio.gather(helper(fetch))
        """,
    )


def test_making_a_coroutine_runs_nothing(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        async def unused():
            time.sleep(1)

        async def work():
            time.sleep(1)  # FL101

        def make():
            return work()

        @app.get("/a")
        async def a():
            coroutine = make()
            coroutine.close()
            asyncio.to_thread(time.sleep, 1)

        @app.get("/b")
        async def b():
            await make()
        """,
    )


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("await work()", "FL101"),
        ("await asyncio.gather(work(), work())", "FL101"),
        ("await asyncio.gather(*[work() for _ in range(3)])", "FL101"),
        ("await asyncio.wait_for(work(), 1)", "FL101"),
        ("await asyncio.shield(work())", "FL101"),
        ("coroutine = work(); await coroutine", "FL101"),
        ("task = asyncio.create_task(work()); return task", "FL110"),
        ("task = asyncio.ensure_future(work()); return task", "FL110"),
        ("await asyncio.wait([asyncio.create_task(work())])", "FL101"),
    ],
)
def test_coroutines_that_run(tmp_path: Path, start: str, code: str) -> None:
    assert_found(
        tmp_path,
        f"""
        async def work():
            time.sleep(1)  # {code}

        @app.get("/")
        async def read():
            {start}
        """,
    )


def test_coroutines_of_a_task_group(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        async def work():
            time.sleep(1)  # FL101

        @app.get("/")
        async def read():
            async with asyncio.TaskGroup() as group:
                group.create_task(work())
        """,
    )


def test_callbacks_of_the_event_loop(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def flush():
            time.sleep(1)  # FL101

        def done(task):
            requests.post("http://x")  # FL102

        async def work():
            await asyncio.sleep(1)

        @app.get("/")
        async def read():
            asyncio.get_running_loop().call_soon(flush)
            asyncio.get_running_loop().call_later(1, lambda: flush())  # FL101
            asyncio.create_task(work()).add_done_callback(done)  # FL324
        """,
    )


def test_other_event_loops(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import threading

        async def elsewhere():
            time.sleep(1)

        def script():
            asyncio.run(elsewhere())

        @app.get("/a")
        def a():
            asyncio.run(elsewhere())

        @app.get("/b")
        async def b():
            threading.Thread(target=script).start()
            threading.Thread(target=asyncio.run, args=(elsewhere(),)).start()

        @app.get("/c")
        async def c():
            script()  # FL109
        """,
    )


def test_a_check_for_a_running_loop(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        async def work():
            await asyncio.sleep(1)

        def bridge():
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(work())
            return None

        @app.get("/")
        async def read():
            return bridge()
        """,
    )


def test_code_off_the_server(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from celery import Celery
        import click
        celery = Celery("x")

        @celery.task
        def rebuild():
            time.sleep(1)

        @click.command()
        def command():
            asyncio.run(index())

        async def index():
            time.sleep(1)

        def main():
            time.sleep(1)

        @app.get("/")
        async def read(stamp: float = time.sleep(0)):
            return rebuild.name

        if __name__ == "__main__":
            main()
        """,
    )


def test_awaited_calls_do_not_block(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import httpx
        client = httpx.AsyncClient()

        @app.get("/")
        async def read(session=Depends(httpx.AsyncClient)):
            await asyncio.sleep(1)
            await client.get("http://x")
            async with httpx.AsyncClient() as other:
                await other.get("http://x")
            await session.get("http://x")
            httpx.get("http://x")  # FL102
        """,
    )


def test_branches_and_loops(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read(number: int):
            try:
                time.sleep(1)  # FL101
            except OSError:
                time.sleep(2)  # FL101
            else:
                time.sleep(3)  # FL101
            finally:
                time.sleep(4)  # FL101
            while number:
                time.sleep(5)  # FL101
            match number:
                case 1:
                    time.sleep(6)  # FL101
                case _ if requests.get("http://x"):  # FL102
                    pass
        """,
    )


def test_the_place_of_a_call_over_several_lines(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            return (
                requests  # FL102
                .get(
                    "http://x",
                )
            )
        """,
    )
