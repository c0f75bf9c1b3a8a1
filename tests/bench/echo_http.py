"""The reference at many callers: a bare FastAPI echo of the same seven fields, as its documentation writes it."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Star(BaseModel):
    """The seven fields."""

    ra: float
    dec: float
    teff: float | None
    logg: float | None
    fe_h: float | None
    snr: float | None
    parallax: float | None


app = FastAPI()


@app.post("/echo")
async def echo(star: Star) -> Star:
    """What came."""
    return star


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
