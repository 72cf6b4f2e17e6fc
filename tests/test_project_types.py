"""What objects are: annotations, constructors, factories, attributes, containers, injected values."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import assert_found

CLIENTS = """
    import requests
    class Client:
        def fetch(self):
            return requests.get("http://x")
        def name(self):
            return "client"
    class Quiet:
        def fetch(self):
            return ""
"""

ANNOTATIONS = [
    "Client",
    "'Client'",
    "clients.Client",
    "'clients.Client'",
    "Optional[Client]",
    "Client | None",
    "None | 'Client'",
    "Union[Client, None, int]",
    "Annotated[Client, 'a note']",
    "Annotated['Client | None', 1]",
    "Final[Client]",
    "Alias",
    "T",
]


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_annotated_parameters(tmp_path: Path, annotation: str) -> None:
    assert_found(
        tmp_path,
        f"""
        import clients
        from clients import Client
        from typing import Final, Optional, TypeVar, Union
        Alias = Client
        T = TypeVar("T", bound=Client)

        async def use(client: {annotation}):
            client.name()
            client.fetch()  # FL102

        @app.get("/")
        async def read(given):
            await use(given)
        """,
        {"clients.py": CLIENTS},
    )


def test_text_in_an_alias_of_a_type(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from typing import Optional
        from clients import Client
        MaybeClient = Optional["Client"]

        async def use(client: MaybeClient):
            client.fetch()  # FL102

        @app.get("/")
        async def read(given):
            await use(given)
        """,
        {"clients.py": CLIENTS},
    )


@pytest.mark.parametrize(
    "annotation", ["Any", "object", "Quiet", "int", "Callable[..., Client]", "'Nothing'"]
)
def test_annotations_that_say_something_else(tmp_path: Path, annotation: str) -> None:
    assert_found(
        tmp_path,
        f"""
        from clients import Client, Quiet
        from typing import Any, Callable

        async def use(client: {annotation}):
            client.fetch()

        @app.get("/")
        async def read(given):
            await use(given)
        """,
        {"clients.py": CLIENTS},
    )


@pytest.mark.parametrize(
    ("annotation", "expression"),
    [
        ("list[Client]", "given[0]"),
        ("list[Client | None]", "given[number]"),
        ("Sequence['Client']", "next(iter(given))"),
        ("dict[str, Client]", "given['a']"),
        ("dict[str, Client]", "given.get('a')"),
        ("Mapping[str, Client]", "list(given.values())[0]"),
        ("dict[str, list[Client]]", "given['a'][0]"),
        ("tuple[int, Client]", "given[1]"),
        ("tuple[Client, ...]", "given[7]"),
        ("Iterator[Client]", "next(given)"),
        ("type[Client]", "given()"),
        ("Awaitable[Client]", "(await given)"),
    ],
)
def test_annotated_containers(tmp_path: Path, annotation: str, expression: str) -> None:
    assert_found(
        tmp_path,
        f"""
        from clients import Client
        from typing import Awaitable, Iterator, Mapping, Sequence

        async def use(given: {annotation}, number: int):
            {expression}.fetch()  # FL102

        @app.get("/")
        async def read(given, number: int):
            await use(given, number)
        """,
        {"clients.py": CLIENTS},
    )


def test_the_other_item_of_a_tuple(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client, Quiet

        def pair() -> tuple[Quiet, Client]: ...

        @app.get("/")
        async def read():
            quiet, client = pair()
            quiet.fetch()
            client.fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_type_statements_and_type_parameters(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client
        type Alias = Client

        class Box[T]:
            def __init__(self, item: T):
                self.item = item

        def first[T](items: list[T]) -> T:
            return items[0]

        async def use(client: Alias):
            client.fetch()  # FL102

        @app.get("/")
        async def read(given):
            await use(given)
            first([Client()]).fetch()  # FL102
            Box(Client()).item.fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_variables_with_annotations(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import clients
        shared: clients.Client = make()

        @app.get("/")
        async def read():
            client: "clients.Client"
            client = make()
            shared.fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_constructors_and_factories(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client

        class Special(Client):
            @classmethod
            def make(cls):
                return cls()
            def again(self) -> "Special":
                return self

        def inferred():
            client = Client()
            return client

        def declared() -> Client: ...

        async def later():
            return Client()

        @app.get("/")
        async def read():
            Client().fetch()  # FL102
            inferred().fetch()  # FL102
            declared().fetch()  # FL102
            (await later()).fetch()  # FL102
            Special.make().again().fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_a_method_that_returns_its_object(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Query:
            def where(self) -> "Query": ...
            def order(self):
                return self
            def all(self):
                time.sleep(1)

        @app.get("/")
        async def read():
            Query().where().order().all()  # FL101
        """,
    )


def test_a_method_declared_to_return_its_own_type(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from typing import Self

        class Query:
            def where(self) -> Self: ...

        class Slow(Query):
            def all(self):
                time.sleep(1)

        @app.get("/")
        async def read():
            Slow().where().all()  # FL101
        """,
    )


def test_a_factory_that_chooses(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client, Quiet
        KINDS = {"client": Client, "quiet": Quiet}

        def choose(kind):
            if kind == "client":
                return Client()
            return Quiet()

        def quiet(kind):
            return {"a": Quiet, "b": Quiet}[kind]()

        @app.get("/")
        async def read(kind: str):
            choose(kind).fetch()  # FL102
            KINDS[kind]().fetch()  # FL102
            quiet(kind).fetch()
        """,
        {"clients.py": CLIENTS},
    )


def test_attributes_that_the_constructor_sets(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client, Quiet

        class Service:
            def __init__(self, given: Client, untyped):
                self.given = given
                self.made = Client()
                self.untyped = untyped
                self.quiet = Quiet()

        @app.get("/")
        async def read(given):
            service = Service(given, Client())
            service.quiet.fetch()
            service.given.fetch()  # FL102
            service.made.fetch()  # FL102
            service.untyped.fetch()  # FL102
            Service(given, Quiet()).untyped.fetch()
        """,
        {"clients.py": CLIENTS},
    )


def test_attributes_that_are_set_elsewhere(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client

        class Service:
            annotated: Client
            shared = Client()
            def open(self):
                self.late = Client()

        service = Service()
        service.given = Client()

        @app.get("/")
        async def read():
            service.annotated.fetch()  # FL102
            Service.shared.fetch()  # FL102
            service.late.fetch()  # FL102
            service.given.fetch()  # FL102
            service.unknown.fetch()
        """,
        {"clients.py": CLIENTS},
    )


def test_fields_of_dataclasses_and_models(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from dataclasses import dataclass, field
        from pydantic import BaseModel
        from clients import Client

        @dataclass
        class Data:
            client: Client
            others: list[Client] = field(default_factory=list)

        class Model(BaseModel):
            client: Client

        @app.get("/")
        async def read(given):
            data = Data(given)
            data.client.fetch()  # FL102
            data.others[0].fetch()  # FL102
            Model(client=given).client.fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_properties_and_containers(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from functools import cached_property
        from clients import Client

        class Container:
            @property
            def plain(self):
                return Client()
            @cached_property
            def kept(self) -> Client: ...

        container = Container()

        @app.get("/")
        async def read():
            container.plain.fetch()  # FL102
            container.kept.fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_state_of_the_application(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from contextlib import asynccontextmanager
        from fastapi import Request

        @asynccontextmanager
        async def lifespan(app):
            app.state.session = requests.Session()
            app.state.table = {}
            yield {"inner": requests.Session()}

        app = FastAPI(lifespan=lifespan)

        @app.get("/")
        async def read(request: Request):
            request.app.state.table.get("a")
            request.app.state.session.get("http://x")  # FL102
            request.state.inner.get("http://x")  # FL102
        """,
    )


def test_context_variables(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from contextvars import ContextVar
        from clients import Client
        current: ContextVar[Client] = ContextVar("current")

        @app.get("/")
        async def read():
            current.get().fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_what_with_binds(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from contextlib import asynccontextmanager, contextmanager
        from clients import Client, Quiet

        class Opened:
            def __enter__(self):
                return Client()
            def __exit__(self, *error): ...

        @contextmanager
        def opened():
            yield Client()

        @asynccontextmanager
        async def later():
            yield Client()

        @app.get("/")
        async def read():
            with Opened() as first, opened() as second:
                first.fetch()  # FL102
                second.fetch()  # FL102
            async with later() as third:
                third.fetch()  # FL102
            with Quiet() as quiet:
                quiet.fetch()
            with requests.Session() as session:
                session.get("http://x")  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_what_loops_bind(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client, Quiet

        def some():
            yield Client()

        async def many():
            yield Client()

        class Own:
            def __iter__(self):
                return iter([Client()])

        @app.get("/")
        async def read():
            for client in [Client()]:
                client.fetch()  # FL102
            for client in some():
                client.fetch()  # FL102
            async for client in many():
                client.fetch()  # FL102
            for client in Own():
                client.fetch()  # FL102
            for number, client in enumerate((Client(),)):
                client.fetch()  # FL102
            for name, client in {"a": Client()}.items():
                client.fetch()  # FL102
            for quiet, client in zip([Quiet()], [Client()]):
                quiet.fetch()
                client.fetch()  # FL102
            return [client.fetch() for client in {Client()}]  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_containers_that_are_filled(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client
        BY_NAME = {}

        def register(name):
            BY_NAME[name] = Client()

        @app.get("/")
        async def read(name: str):
            BY_NAME[name].fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_dependencies(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from clients import Client, Quiet

        def get_client():
            return Client()

        def open_client():
            client = Client()
            yield client

        async def wrapped(client=Depends(get_client)):
            return client

        ClientDep = Annotated[Client, Depends()]

        @app.get("/a")
        async def a(client=Depends(get_client), other=Depends(open_client)):
            client.fetch()  # FL102
            other.fetch()  # FL102

        @app.get("/b")
        async def b(client: ClientDep, other=Depends(Client), third: Client = Depends()):
            client.fetch()  # FL102
            other.fetch()  # FL102
            third.fetch()  # FL102

        @app.get("/c")
        async def c(client=Depends(wrapped), quiet=Depends(Quiet)):
            quiet.fetch()
            client.fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_a_dependency_says_more_than_an_abstract_annotation(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import abc

        class Store(abc.ABC):
            @abc.abstractmethod
            def get(self): ...

        class Web(Store):
            def get(self):
                return requests.get("http://x")

        class Memory(Store):
            def get(self):
                return 1

        def memory() -> Store:
            return Memory()

        def web() -> Store:
            return Web()

        class Service:
            def __init__(self, store: Annotated[Store, Depends(memory)]):
                self.store = store

        @app.get("/a")
        async def a(store: Annotated[Store, Depends(memory)], service: Service = Depends()):
            service.store.get()
            return store.get()

        @app.get("/b")
        async def b(store: Store = Depends(web)):
            return store.get()  # FL102
        """,
    )


NARROWED = """
    from clients import Client, Quiet

    def pick(kind):
        if kind:
            return Client()
        return Quiet()

    @app.get("/")
    async def read(kind: bool):
        client = pick(kind)
"""


@pytest.mark.parametrize(
    "lines",
    [
        "client.fetch()  # FL102",
        "if isinstance(client, Client):\n    client.fetch()  # FL102",
        "if isinstance(client, Quiet):\n    client.fetch()",
        "if isinstance(client, Quiet):\n    pass\nelse:\n    client.fetch()  # FL102",
        "if isinstance(client, Client):\n    pass\nelse:\n    client.fetch()",
        "if not isinstance(client, Client):\n    client.fetch()",
        "if isinstance(client, Client):\n    return\nclient.fetch()",
        "if not isinstance(client, Client):\n    return\nclient.fetch()  # FL102",
        "if kind and isinstance(client, Quiet):\n    client.fetch()",
        "isinstance(client, Quiet) and client.fetch()",
        "client.fetch() if isinstance(client, Quiet) else 1",
        "match client:\n    case Quiet():\n        client.fetch()\n    case Client():\n        client.fetch()  # FL102",
        "match client:\n    case Quiet() as other:\n        other.fetch()",
    ],
)
def test_narrowing(tmp_path: Path, lines: str) -> None:
    body = "\n".join(f"        {line}" for line in lines.split("\n"))
    assert_found(tmp_path, NARROWED + body + "\n", {"clients.py": CLIENTS})


def test_casts(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from typing import cast
        from clients import Client

        @app.get("/")
        async def read(given):
            cast(Client, given).fetch()  # FL102
            cast("Client", given).fetch()  # FL102
        """,
        {"clients.py": CLIENTS},
    )


def test_attributes_by_name(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            getattr(requests, "get")("http://x")  # FL102
            getattr(requests, "get" + "ter")("http://x")
        """,
    )


def test_recursive_classes_end(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Node:
            def __init__(self, inner):
                self.inner = inner
            def walk(self):
                self.inner.walk()
                Node(Node(self)).walk()
                time.sleep(1)

        @app.get("/")
        async def read():
            node = Node(None)
            for _ in range(3):
                node = Node(node)
            node.walk()  # FL101
        """,
    )
