import socket
from smtplib import SMTP_PORT

from fastapi import FastAPI

app = FastAPI()


async def pause() -> None:
    return None


def talk(n: int) -> bytes:
    connection = socket.create_connection(("127.0.0.1", 8799), timeout=5)
    try:
        connection.sendall(f"GET /{n} HTTP/1.1\r\n\r\n".encode())
        return connection.recv(65536)
    finally:
        connection.close()


@app.get("/")
async def root(n: int) -> int:
    await pause()
    return len(talk(n)) + SMTP_PORT
