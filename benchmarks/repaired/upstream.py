"""A service that takes its time: what the programs beside it wait for."""

from __future__ import annotations

import asyncio
import sys

DELAY = 0.05
"""Seconds."""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nwell"


class Service(asyncio.Protocol):
    """A connection: one request, one answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the answer goes to."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what is received for the request."""
        asyncio.get_running_loop().call_later(DELAY, self._answer)

    def _answer(self) -> None:
        self._transport.write(ANSWER)
        self._transport.close()


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
