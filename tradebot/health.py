"""`/healthz`: can this process reach its servers? For load balancers and uptime monitors."""

from collections.abc import Callable

import redis
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database and Redis answer, 503 otherwise; the body says which one fails."""
    state = {"database": _answers(_ask_database), "redis": _answers(_ask_redis)}
    return JsonResponse(state, status=200 if all(v == "ok" for v in state.values()) else 503)


def _answers(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (DatabaseError, redis.RedisError):
        return "unreachable"
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    cache.get("healthz")
