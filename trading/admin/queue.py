"""The task queue, to look at only.

Whoever could add a schedule or re-submit a task in a form could run any function of the code base
in the worker, so no page of the queue can be written to.
"""

import django_q.admin  # noqa: F401  registers the pages replaced here
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from trading.admin.base import ReadOnlyAdmin

admin.site.unregister([Failure, OrmQ, Schedule, Success])


class TaskAdmin(ReadOnlyAdmin[Task]):
    list_display = ["started", "name", "func", "group", "attempt_count", "time_taken"]
    list_filter = ["cluster", "started"]
    search_fields = ["id__exact", "name__exact"]
    ordering = ["-started"]
    fields = ["name", "func", "group", "cluster", "started", "stopped", "attempt_count"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Arguments are pickles: they stay in the database."""
        return super().get_queryset(request).defer("args", "kwargs", "result")


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    """Tasks that ended well."""


@admin.register(Failure)
class FailureAdmin(TaskAdmin):
    """Tasks that raised, with what they raised."""

    fields = [*TaskAdmin.fields, "error"]

    def error(self, task: Task) -> str:
        return str(task.result)


@admin.register(OrmQ)
class QueuedAdmin(ReadOnlyAdmin[OrmQ]):
    """Tasks that wait for a worker or are being worked on."""

    list_display = ["id", "name", "func", "key", "lock"]
    fields = ["key", "lock", "name", "func"]
    ordering = ["id"]


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin[Schedule]):
    """Schedules are made by code alone."""

    list_display = ["name", "func", "schedule_type", "repeats", "next_run"]
    fields = ["name", "func", "schedule_type", "minutes", "repeats", "next_run", "cluster"]
