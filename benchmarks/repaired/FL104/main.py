import subprocess

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root(n: int) -> str:
    done = subprocess.run(["sleep", "0.03"], capture_output=True, text=True)
    return f"{n} {done.returncode}"
