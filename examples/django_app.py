"""Django by ASGI: uvicorn django_app:application --timeout-graceful-shutdown 40.

Django knows no lifespan, so ``application`` opens the backend and hands the rest on. In
a project, keep ``application`` in asgi.py and the views where yours are.
"""

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import django
from answers import Backend, health_of, is_operator, open_backend, place, show
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["DJANGO_SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
)
django.setup()
opened: dict[str, Backend] = {}


@csrf_exempt  # for programs, which have no cookie; ask for a login before this
@require_POST
async def make_call(request: HttpRequest) -> HttpResponse:
    """Make a call, once."""
    try:
        asked = json.loads(request.body)
    except ValueError:
        asked = None
    status, body, headers = await place(opened["backend"], asked)
    return JsonResponse(body, status=status, headers=headers)


@require_GET
async def show_call(_: HttpRequest, contact: str) -> HttpResponse:
    """Show what became of a contact."""
    status, body = show(opened["backend"], contact)
    return JsonResponse(body, status=status)


@require_GET
async def show_health(_: HttpRequest) -> HttpResponse:
    """Show whether calls can be made."""
    status, body = health_of(opened["backend"])
    return JsonResponse(body, status=status)


@csrf_exempt  # it asks for a token
@require_POST
async def resume(request: HttpRequest) -> HttpResponse:
    """End a pause."""
    if not is_operator(request.headers.get("Authorization")):
        return HttpResponse(status=401)
    opened["backend"].client.resume()
    return HttpResponse(status=204)


urlpatterns = [
    path("calls", make_call),
    path("calls/<str:contact>", show_call),
    path("health", show_health),
    path("resume", resume),
]
handle = get_asgi_application()

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Open the backend with the server, and hand requests to Django."""
    if scope["type"] != "lifespan":
        await handle(scope, receive, send)
        return
    await receive()
    try:
        async with open_backend() as opened["backend"]:
            await send({"type": "lifespan.startup.complete"})
            await receive()
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.shutdown.complete"})
