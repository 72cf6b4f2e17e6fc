"""Times what the rules about responses forbid beside what they recommend, in turns, and prints the medians.

    python benchmarks/responses.py [--rounds N] [--only FL501 ...]

Each pair is two FastAPI applications in this process, called as a server calls them (ASGI), without a network
or a parser of HTTP: the figures are what the application costs, and a server adds the same to both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from fastapi import Body, FastAPI, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from machine import describe_machine
from pydantic import BaseModel, Field, create_model, field_validator

ITEMS = 200
LINES = 5000
ROUND = 0.15
"""Seconds that one side of a round takes, about."""
WAIT = 0.005
"""Seconds that the validator of FL111 waits."""
CLIENTS = 8
"""Requests at a time that keep the application of FL111 busy."""
PINGS = 20
LIBRARIES = ("fastapi", "starlette", "pydantic", "pydantic-core", "anyio")

Message = dict[str, Any]


class Tag(BaseModel):
    """Something that an item is marked with."""

    id: int
    name: str


class Item(BaseModel):
    """What the routes answer with."""

    id: int
    name: str
    price: float
    created: datetime
    tags: list[Tag]


def rows() -> list[dict[str, Any]]:
    """Return items as nested dictionaries."""
    tags = [{"id": 1, "name": "new"}, {"id": 2, "name": "cheap"}]
    created = datetime(2026, 1, 1)
    return [
        {"id": n, "name": f"item {n}", "price": 1.5 * n, "created": created, "tags": tags}
        for n in range(ITEMS)
    ]


ROWS = rows()
MODELS = [Item(**row) for row in ROWS]
TEXT = "".join(f"{number},shoe,{number * 3}\n" for number in range(LINES))


@dataclass
class Pair:
    """Two applications that answer alike, and the request that is made to both."""

    rule: str
    what: str
    bad: FastAPI
    good: FastAPI
    body: bytes = b""
    is_victim: bool = False
    """Whether the time of another route counts, while this one is busy."""
    seconds: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))

    def ratios(self) -> list[float]:
        """Return how many times as long the bad side took, round by round."""
        return [bad / good for bad, good in zip(*self.seconds, strict=True)]


def serving(answer: Any, returns: Any = None, **options: Any) -> FastAPI:
    """Return an application with one route, which returns a value or what a function makes."""
    app = FastAPI()

    async def route() -> Any:
        return answer() if callable(answer) else answer

    route.__annotations__["return"] = returns
    if returns is None:
        del route.__annotations__["return"]
    app.get("/", **options)(route)
    return app


def response_pairs() -> Iterator[Pair]:
    """Yield the pairs about how answers are serialized."""
    typed = serving(MODELS, list[Item])
    yield Pair("FL501", f"{ITEMS} models, list[Item]", serving(MODELS), typed)
    yield Pair("FL501", f"{ITEMS} dictionaries, list[Item]", serving(ROWS), serving(ROWS, list[Item]))
    any_rows = serving({"rows": ROWS}, dict[str, Any])
    yield Pair("FL501", f"{ITEMS} dictionaries, dict[str, Any]", serving({"rows": ROWS}), any_rows)
    tiny = {"status": "ok", "version": 3}
    yield Pair("FL501", "a tiny dictionary", serving(tiny), serving(tiny, dict[str, Any]))
    names = [item.name for item in MODELS]
    yield Pair("FL501", f"{ITEMS} strings, list[str]", serving(names), serving(names, list[str]))
    classed = serving(MODELS, list[Item], response_class=JSONResponse)
    yield Pair("FL502", f"{ITEMS} models, JSONResponse", classed, typed)
    encoded = serving(lambda: JSONResponse(jsonable_encoder(MODELS)))
    yield Pair("FL504", f"{ITEMS} models, jsonable_encoder", encoded, typed)
    dumped = serving(lambda: JSONResponse([item.model_dump(mode="json") for item in MODELS]))
    yield Pair("FL504", f"{ITEMS} models, model_dump", dumped, typed)
    one = serving(lambda: JSONResponse(jsonable_encoder(MODELS[0])))
    yield Pair("FL504", "one model, jsonable_encoder", one, serving(MODELS[0], Item))
    again = serving(lambda: [item.model_dump() for item in MODELS], list[Item])
    yield Pair("FL505", f"{ITEMS} models", again, typed)
    one = serving(lambda: MODELS[0].model_dump(), Item)
    yield Pair("FL505", "one model", one, serving(MODELS[0], Item))


def json_pairs() -> Iterator[Pair]:
    """Yield the pairs about detours through JSON, and about unions."""
    there_and_back = serving(lambda: len([json.loads(item.model_dump_json()) for item in MODELS]), int)
    at_once = serving(lambda: len([item.model_dump(mode="json") for item in MODELS]), int)
    yield Pair("FL506", f"{ITEMS} models as dictionaries", there_and_back, at_once)
    texts = [item.model_dump_json() for item in MODELS]
    loaded = serving(lambda: len([Item.model_validate(json.loads(text)) for text in texts]), int)
    validated = serving(lambda: len([Item.model_validate_json(text) for text in texts]), int)
    yield Pair("FL506", f"{ITEMS} models from text", loaded, validated)
    for count in (4, 12):
        members = tuple(
            create_model(
                f"Kind{n}", kind=(_literal(f"kind{n}"), ...), size=(int, ...), names=(list[str], ...)
            )
            for n in range(count)
        )
        objects = [{"kind": f"kind{n % count}", "size": n, "names": ["a", "b"]} for n in range(ITEMS)]
        union: Any = Union[members]  # noqa: UP007
        told: Any = Annotated[union, Field(discriminator="kind")]
        yield Pair(
            "FL509",
            f"{ITEMS} objects, union of {count} models",
            receiving(list[union]),
            receiving(list[told]),
            json.dumps(objects).encode(),
        )


def _literal(text: str) -> Any:
    return Literal[text]


def receiving(body: Any) -> FastAPI:
    """Return an application with one route, which takes a body of that type."""
    app = FastAPI()

    async def route(objects: Any) -> int:
        return len(objects)

    route.__annotations__["objects"] = Annotated[body, Body()]
    app.post("/")(route)
    return app


def stream_pairs(directory: Path) -> Iterator[Pair]:
    """Yield the pairs about streams of what is complete already."""
    streamed = serving(lambda: StreamingResponse(io.StringIO(TEXT), media_type="text/csv"))
    whole = serving(lambda: Response(io.StringIO(TEXT).getvalue(), media_type="text/csv"))
    yield Pair("FL507", f"a buffer of {LINES} lines", streamed, whole)
    path = directory / "report.csv"
    path.write_text(TEXT, encoding="utf-8")
    opened = serving(lambda: StreamingResponse(path.open("rb"), media_type="text/csv"))
    yield Pair(
        "FL507",
        f"a file of {LINES} lines",
        opened,
        serving(lambda: FileResponse(path, media_type="text/csv")),
    )


def validator_pairs() -> Iterator[Pair]:
    """Yield the pair about a validator that waits; what counts is the time of another route."""

    class Checked(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def is_known(cls, name: str) -> str:
            time.sleep(WAIT)
            return name

    class Order(BaseModel):
        name: str

    def waits(order: Order) -> str:
        time.sleep(WAIT)
        return order.name

    def returns(order: Checked) -> str:
        return order.name

    bad, good = FastAPI(), FastAPI()
    for app, route, model in ((bad, returns, Checked), (good, waits, Order)):
        route.__annotations__["order"] = model
        app.post("/")(route)
        app.get("/ping")(_ping)
    what = f"/ping, beside {CLIENTS} requests that wait {WAIT * 1000:.0f} ms"
    yield Pair("FL111", what, bad, good, b'{"name": "shoe"}', is_victim=True)


async def _ping() -> str:
    return "pong"


async def call(app: FastAPI, path: str = "/", body: bytes = b"") -> None:
    """Make a request as a server does, and drop the answer.

    Raises:
        RuntimeError: the answer is not a success, so that its time means nothing.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST" if body else "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop"), (b"content-type", b"application/json")],
        "client": ("client", 1),
        "server": ("server", 2),
    }
    is_read = False

    async def receive() -> Message:
        nonlocal is_read
        if is_read:
            await asyncio.Event().wait()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    await app(scope, receive, send)


async def time_calls(pair: Pair, app: FastAPI, count: int) -> float:
    """Return the processor time of a request, in seconds: other processes do not count."""
    started = time.process_time()
    for _ in range(count):
        await call(app, body=pair.body)
    return (time.process_time() - started) / count


async def time_victim(pair: Pair, app: FastAPI) -> float:
    """Return the median time on the clock of `/ping` while requests keep the application busy.

    A request is there when it is due: that nobody looks at it yet is part of its time.
    """
    is_over = False

    async def load() -> None:
        while not is_over:
            await call(app, body=pair.body)

    tasks = [asyncio.create_task(load()) for _ in range(CLIENTS)]
    times = []
    for _ in range(PINGS):
        due = time.perf_counter() + WAIT
        await asyncio.sleep(WAIT)
        await call(app, "/ping")
        times.append(time.perf_counter() - due)
    is_over = True
    await asyncio.gather(*tasks)
    return statistics.median(times)


async def run(pair: Pair, rounds: int) -> None:
    """Time both sides of a pair in turns; calls before the first round do not count."""
    counts = []
    for app in (pair.bad, pair.good):
        await call(app, body=pair.body)
        counts.append(max(1, round(ROUND / max(await time_calls(pair, app, 3), 1e-6))))
    for _ in range(rounds):
        for app, count, seconds in zip((pair.bad, pair.good), counts, pair.seconds, strict=True):
            seconds.append(await (time_victim(pair, app) if pair.is_victim else time_calls(pair, app, count)))


def print_pair(pair: Pair) -> None:
    """Print the medians of both sides, and the median of the ratios with the least and the greatest."""
    bad, good = (statistics.median(seconds) * 1000 for seconds in pair.seconds)
    ratios = pair.ratios()
    print(f"{pair.rule:<7}{pair.what:<48}{bad:>9.3f} ms{good:>9.3f} ms", end="")
    print(f"{statistics.median(ratios):>8.2f} [{min(ratios):.2f}-{max(ratios):.2f}]", flush=True)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often each side of a pair runs")
    parser.add_argument("--only", nargs="+", help="codes of rules, all others are left out")
    return parser.parse_args()


def wanted(pairs: Sequence[Pair], codes: Sequence[str] | None) -> list[Pair]:
    """Return the pairs of the rules that were asked for."""
    return [pair for pair in pairs if not codes or pair.rule in codes]


def main() -> None:
    """Run the pairs and print what they took."""
    options = parse_arguments()
    print(f"machine:  {describe_machine()}")
    print(f"versions: {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}")
    print(
        f"rounds:   {options.rounds}, both sides in turns; processor time of a request, FL111: time of /ping\n"
    )
    print(f"{'':<55}{'bad':>12}{'good':>12}   bad/good", flush=True)
    with tempfile.TemporaryDirectory(prefix="fastlint-responses-") as scratch:
        makers: list[Callable[[], Iterator[Pair]]] = [
            response_pairs,
            json_pairs,
            lambda: stream_pairs(Path(scratch)),
            validator_pairs,
        ]
        pairs = [pair for make in makers for pair in make()]
        for pair in wanted(pairs, options.only):
            asyncio.run(run(pair, options.rounds))
            print_pair(pair)


if __name__ == "__main__":
    main()
