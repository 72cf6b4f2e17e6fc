"""Serves what each rule about responses forbids and what it recommends: the answers are the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

from .serving import Answer, importable, request

FIXTURE = Path(__file__).parent / "fixtures" / "responses"

pytestmark = pytest.mark.anyio


def serving(rule: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", [rule], indirect=True)


class Shop:
    """The application of a rule."""

    def __init__(self, rule: str) -> None:
        self.rule: Any = resolve_name(f"app.{rule}")

    async def get(self, path: str) -> Answer:
        return await request(self.rule.app, "GET", path)

    async def parts(self, path: str) -> list[bytes]:
        """The messages that a body is sent in."""
        found: list[bytes] = []

        async def note(body: bytes) -> None:
            found.append(body)

        await request(self.rule.app, "GET", path, note)
        return found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    with importable(FIXTURE):
        yield Shop(request.param)


async def assert_same(shop: Shop, bad: str, good: str) -> None:
    """Both answers have the same status, headers and body, byte for byte."""
    expected, found = await shop.get(bad), await shop.get(good)
    assert expected.error is None
    assert expected.body
    assert found == expected


@serving("missing_response_type")
async def test_fl501_a_type_leaves_the_answer_of_models_as_it_is(shop: Shop) -> None:
    await assert_same(shop, "/models/bad", "/models/good")


@serving("missing_response_type")
async def test_fl501_a_type_leaves_the_answer_of_dictionaries_as_it_is(shop: Shop) -> None:
    await assert_same(shop, "/dictionaries/bad", "/dictionaries/good")


@serving("missing_response_type")
@pytest.mark.parametrize(
    ("value", "without", "with_type"),
    [
        ("decimal", b"[1.5]", b'["1.50"]'),
        ("timedelta", b"[120.0]", b'["PT2M"]'),
        ("utc", b'["2026-01-01T00:00:00+00:00"]', b'["2026-01-01T00:00:00Z"]'),
    ],
)
async def test_fl501_a_type_changes_how_some_values_are_written(
    shop: Shop, value: str, without: bytes, with_type: bytes
) -> None:
    assert (await shop.get(f"/value/{value}/bad")).body == without
    assert (await shop.get(f"/value/{value}/good")).body == with_type


@serving("missing_response_type")
async def test_fl501_what_is_no_number_is_an_error_without_a_type_and_null_with_one(shop: Shop) -> None:
    bad = await shop.get("/value/nan/bad")

    assert (bad.status, type(bad.error)) == (500, ValueError)
    assert (await shop.get("/value/nan/good")).body == b"[null]"


@serving("missing_response_type")
async def test_fl501_a_plain_object_has_no_type_that_any_could_serialize(shop: Shop) -> None:
    good = await shop.get("/value/object/good")

    assert (await shop.get("/value/object/bad")).body == b'[{"name":"shoe"}]'
    assert (good.status, type(good.error).__name__) == (500, "PydanticSerializationError")


@serving("response_class_disables_fast_path")
async def test_fl502_the_answer_is_the_same_without_the_class(shop: Shop) -> None:
    await assert_same(shop, "/bad", "/good")


@serving("response_class_disables_fast_path")
async def test_fl502_what_is_no_number_is_an_error_with_the_class_and_null_without(shop: Shop) -> None:
    bad = await shop.get("/nan/bad")

    assert (bad.status, type(bad.error)) == (500, ValueError)
    assert (await shop.get("/nan/good")).body == b"[null]"


@serving("manual_json_encoding")
@pytest.mark.parametrize("bad", ["/bad", "/dumped/bad", "/alone/bad"])
async def test_fl504_the_answer_is_the_same_without_the_encoder(shop: Shop, bad: str) -> None:
    await assert_same(shop, bad, "/good")


@serving("dump_before_return")
@pytest.mark.parametrize("bad", ["/bad", "/unset/bad", "/json/bad"])
async def test_fl505_the_answer_is_the_same_without_the_dump(shop: Shop, bad: str) -> None:
    await assert_same(shop, bad, "/good")


@serving("dump_before_return")
async def test_fl505_what_the_dump_left_out_is_filled_in_again(shop: Shop) -> None:
    items = json.loads((await shop.get("/unset/bad")).body)

    assert [item["note"] for item in items] == ["none"] * 3


@serving("stream_in_memory_buffer")
@pytest.mark.parametrize("kind", ["buffer", "file"])
async def test_fl507_the_content_is_the_same_in_one_part(shop: Shop, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(shop.rule.TEXT, encoding="utf-8")
    query = f"?path={path}" if kind == "file" else ""
    bad, good = await shop.get(f"/{kind}/bad{query}"), await shop.get(f"/{kind}/good{query}")

    assert bad.body == good.body == path.read_bytes()
    assert bad.headers["content-type"] == good.headers["content-type"]
    assert "content-length" not in bad.headers
    assert good.headers["content-length"] == str(len(good.body))
    assert len(await shop.parts(f"/{kind}/bad{query}")) == shop.rule.LINES
    assert len(await shop.parts(f"/{kind}/good{query}")) == 1
    assert [file.closed for file in shop.rule.opened] == [False] * len(shop.rule.opened)  # nobody does
    for file in shop.rule.opened:
        file.close()


@serving("stream_in_memory_buffer")
async def test_fl507_bytes_are_numbers_to_a_stream(shop: Shop) -> None:
    bad = await shop.get("/bytes/bad")

    assert isinstance(bad.error, AttributeError)
    assert bad.body == b""
    assert (await shop.get("/bytes/good")).body == shop.rule.TEXT.encode()


@serving("io_in_validator")
async def test_fl111_a_validator_of_a_def_route_runs_on_the_event_loop(shop: Shop) -> None:
    answer = await request(shop.rule.app, "POST", "/bad", json=b'{"name": "shoe"}')

    assert answer.body == b'"shoe"'
    assert shop.rule.threads["validator"] == threading.get_ident()
    assert shop.rule.threads["route"] != threading.get_ident()


@serving("io_in_validator")
async def test_fl111_what_the_def_route_calls_itself_runs_in_the_thread_pool(shop: Shop) -> None:
    answer = await request(shop.rule.app, "POST", "/good", json=b'{"name": "shoe"}')

    assert answer.body == b'"shoe"'
    assert shop.rule.threads["check"] == shop.rule.threads["route"] != threading.get_ident()
