import hashlib

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root(n: int) -> str:
    return hashlib.pbkdf2_hmac("sha256", str(n).encode(), b"salt", 200_000).hex()
