"""FastAPI: uvicorn fastapi_app:app --workers 1 --timeout-graceful-shutdown 40."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from answers import health_of, is_operator, open_backend, place, show
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the backend with the server, and close it last."""
    async with open_backend() as app.state.backend:
        yield


app = FastAPI(lifespan=lifespan)


class Wanted(BaseModel):
    """The body of a request for a call."""

    contact: str
    destination: str


@app.post("/calls")
async def make_call(wanted: Wanted, request: Request) -> JSONResponse:
    """Make a call, once."""
    status, body, headers = await place(request.app.state.backend, wanted.model_dump())
    return JSONResponse(body, status_code=status, headers=headers)


@app.get("/calls/{contact}")
async def show_call(contact: str, request: Request) -> JSONResponse:
    """Show what became of a contact."""
    status, body = show(request.app.state.backend, contact)
    return JSONResponse(body, status_code=status)


@app.get("/health")
async def show_health(request: Request) -> JSONResponse:
    """Show whether calls can be made."""
    status, body = health_of(request.app.state.backend)
    return JSONResponse(body, status_code=status)


@app.post("/resume", status_code=204)
async def resume(request: Request) -> Response:
    """End a pause."""
    if not is_operator(request.headers.get("Authorization")):
        raise HTTPException(401)
    request.app.state.backend.client.resume()
    return Response(status_code=204)
