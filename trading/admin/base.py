"""What the admin pages share."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.utils import display_for_label

if TYPE_CHECKING:  # unfold ships no types; its class is the framework's with another look
    from django.contrib.admin import ModelAdmin as UnfoldModelAdmin
    from django.contrib.admin import TabularInline
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline

__all__ = [
    "JournalAdmin",
    "ModelAdmin",
    "ReadOnlyAdmin",
    "TabularInline",
    "badge",
    "display",
    "plain",
    "price",
]

M = TypeVar("M", bound=Model)
MOST_COUNTED: Final = 10_000
NOTHING: Final = "-"


def plain(name: str) -> Callable[[Any], str]:
    """A list column of a decimal without the zeros at its end."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def column(row: Any) -> str:
        value: Decimal | None = getattr(row, name)
        return NOTHING if value is None else f"{value.normalize():f}"

    return column


def price(name: str) -> Callable[[Any], str]:
    """A list column of a price, with the digits of the row's symbol."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def column(row: Any) -> str:
        value: Decimal | None = getattr(row, name)
        return NOTHING if value is None else f"{value:.{row.symbol.digits}f}"

    return column


def badge(value: tuple[str, str], labels: Mapping[str, str]) -> SafeString:
    """A coloured label on the page of a row; `value` is its key in `labels` and its text."""
    label: SafeString = display_for_label(value, NOTHING, labels)
    return label


class CappedPaginator(Paginator[Any]):
    """Counts no further than MOST_COUNTED rows: a count over a big table takes seconds.

    Filter or search for what lies behind the last page.
    """

    @cached_property
    def count(self) -> int:
        assert isinstance(self.object_list, QuerySet)
        return self.object_list.order_by()[:MOST_COUNTED].count()


class ModelAdmin(UnfoldModelAdmin[M]):
    """A page that stays quick on a big table and saves only what was changed."""

    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    warn_unsaved_form = True

    def save_model(self, request: HttpRequest, obj: M, form: ModelForm[M], change: bool) -> None:
        """Leave alone the columns that nobody edited: the engine may be writing them."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=columns & set(form.changed_data))


class ReadOnlyAdmin(ModelAdmin[M]):
    """For rows that the engine owns: to look at only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class JournalAdmin(ReadOnlyAdmin[M]):
    """For a table that grows with every bar: newest first, and sorted by nothing else."""

    ordering = ("-id",)
    sortable_by = ()
