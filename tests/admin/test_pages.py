"""Every page of the admin opens for whom it is meant, at a price that rows do not raise."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.signing import SignedPackage

from tests import factories
from trading import models

TASK: Final = {"func": "trading.tasks.run_strategy", "started": now(), "stopped": now()}


def make_task(success: bool) -> Model:
    number = Task.objects.count()
    task = Task.objects.create(
        id=f"{number:032}", name=f"task-{number}", success=success, result="why", **TASK
    )
    row: Model = (Success if success else Failure).objects.get(pk=task.pk)
    return row


def make_queued() -> Model:
    payload = SignedPackage.dumps({"id": "1", "name": "n", "func": "f", "args": (1,)})
    row: Model = OrmQ.objects.create(key="tradebot", payload=payload, lock=now())
    return row


EDITABLE: Final[dict[type[Model], Callable[[], Model]]] = {
    models.Account: factories.make_account,
    models.Connection: factories.make_connection,
    models.Symbol: factories.make_symbol,
    models.Strategy: factories.make_strategy,
    models.Deployment: factories.make_deployment,
    models.ProtectionRule: factories.make_protection,
    models.NewsEvent: factories.make_news,
    models.AccountGroup: lambda: factories.make_account_group(factories.make_account()),
    models.Challenge: factories.make_challenge,
    models.RiskLimit: lambda: factories.make_risk_limit(account=factories.make_account()),
    User: lambda: User.objects.create_user(f"user{User.objects.count()}"),
    Group: lambda: Group.objects.create(name=f"group{Group.objects.count()}"),
}
ENGINES_OWN: Final[dict[type[Model], Callable[[], Model]]] = {
    models.Breach: lambda: factories.make_breach(account=factories.make_account()),
    models.LossState: lambda: factories.make_loss_state(account=factories.make_account()),
    models.DayMark: factories.make_day_mark,
    models.BalanceMove: factories.make_balance_move,
    models.PaperBook: factories.make_paper_book,
    models.EquityPoint: factories.make_equity_point,
    models.Candle: factories.make_candle,
    models.BarChunk: factories.make_chunk,
    models.HistoryImport: factories.make_history_import,
    models.SymbolSpecification: factories.make_specification,
    models.StrategyRun: factories.make_run,
    models.Order: factories.make_order,
    models.Lease: lambda: factories.make_lease(account=factories.make_account()),
    models.Fill: factories.make_fill,
    models.Event: factories.make_event,
    Success: lambda: make_task(True),
    Failure: lambda: make_task(False),
    OrmQ: make_queued,
    Schedule: lambda: Schedule.objects.create(func="trading.tasks.run_strategy"),
}
HALF: Final[dict[type[Model], Callable[[], Model]]] = {
    models.SimulatedMarket: factories.make_simulated_market
}
"""Changed by people, but made and deleted by nobody."""
LATCHED: Final[dict[type[Model], Callable[[], Model]]] = {
    models.KillSwitch: factories.make_kill_switch,
    models.Lock: factories.make_lock,
}
"""Made by pulling or locking, changed by letting go, deleted by nobody."""
STEERED: Final[dict[type[Model], Callable[[], Model]]] = {
    models.Position: factories.make_position,
    models.HistoryBackfill: factories.make_backfill,
}
"""The engine's, but actions ask for changes."""
ALL: Final = {**EDITABLE, **ENGINES_OWN, **HALF, **LATCHED, **STEERED}
pytestmark = pytest.mark.django_db
every_page = pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
engines_page = pytest.mark.parametrize("model", ENGINES_OWN, ids=lambda model: model.__name__)
written_page = pytest.mark.parametrize(
    "model", [*ENGINES_OWN, *STEERED], ids=lambda model: model.__name__
)


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def status(client: Client, model: type[Model], page: str, *args: object) -> int:
    return client.get(address(model, page, *args)).status_code


def queries(client: Client, model: type[Model]) -> int:
    with CaptureQueriesContext(connection) as context:
        assert status(client, model, "changelist") == 200
    return len(context)


@pytest.fixture
def in_as(client: Client, request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """The client signed in as the user of that name."""

    def sign_in(name: str) -> Client:
        client.force_login(request.getfixturevalue(name))
        return client

    return sign_in


def test_every_model_has_its_page() -> None:
    apps = {"trading", "auth", "django_q"}
    registered = {model for model in admin.site._registry if model._meta.app_label in apps}
    assert registered == set(ALL)
    assert set(models.__all__) >= {m.__name__ for m in ALL if m._meta.app_label == "trading"}


@every_page
def test_list_opens_and_costs_the_same_for_more_rows(
    in_as: Callable[[str], Client], model: type[Model]
) -> None:
    client = in_as("owner")
    ALL[model]()
    client.get(address(model, "changelist"))  # what is cached once
    one = queries(client, model)
    ALL[model]()
    ALL[model]()
    assert queries(client, model) == one


@every_page
def test_row_opens_for_a_viewer(in_as: Callable[[str], Client], model: type[Model]) -> None:
    row = ALL[model]()
    assert status(in_as("viewer"), model, "change", row.pk) == 200


@every_page
def test_list_is_closed_to_staff_without_permission(
    in_as: Callable[[str], Client], model: type[Model]
) -> None:
    assert status(in_as("staff"), model, "changelist") == 403


@every_page
def test_list_sends_a_stranger_to_the_login(
    in_as: Callable[[str], Client], model: type[Model]
) -> None:
    assert status(in_as("stranger"), model, "changelist") == 302


@pytest.mark.parametrize("model", EDITABLE, ids=lambda model: model.__name__)
def test_form_opens_for_the_owner_and_not_for_a_viewer(
    in_as: Callable[[str], Client], model: type[Model]
) -> None:
    row = ALL[model]()
    client = in_as("owner")
    assert [status(client, model, "add"), status(client, model, "change", row.pk)] == [200, 200]
    assert status(in_as("viewer"), model, "add") == 403


@written_page
def test_nobody_writes_what_the_engine_owns(
    in_as: Callable[[str], Client], model: type[Model]
) -> None:
    row = ALL[model]()
    client = in_as("owner")
    for page in (
        address(model, "add"),
        address(model, "change", row.pk),
        address(model, "delete", row.pk),
    ):
        assert client.post(page, {"func": "os.system"}).status_code == 403
    assert model._default_manager.count() == 1


@engines_page
def test_no_action_can_be_taken_on_what_the_engine_owns(
    in_as: Callable[[str], Client], model: type[Model]
) -> None:
    ALL[model]()
    response = in_as("owner").get(address(model, "changelist"))
    assert response.context["action_form"] is None


@every_page
def test_filters_and_search_answer(in_as: Callable[[str], Client], model: type[Model]) -> None:
    ALL[model]()
    client = in_as("owner")
    page = client.get(address(model, "changelist"))
    links = [
        choice["query_string"]
        for spec in page.context["cl"].filter_specs
        for choice in spec.choices(page.context["cl"])
        if "query_string" in choice
    ]
    for query in ["?q=xyz", *links]:
        assert client.get(address(model, "changelist") + query).status_code == 200


def test_list_escapes_what_came_from_outside(in_as: Callable[[str], Client]) -> None:
    factories.make_event(message="<script>alert(1)</script>")
    page = in_as("owner").get(address(models.Event, "changelist")).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_overview_leads_to_the_dashboard(in_as: Callable[[str], Client]) -> None:
    page = in_as("staff").get("/admin/").content.decode()
    assert 'href="/dashboard/"' in page


def test_list_counts_only_so_far(
    in_as: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.admin.base.MOST_COUNTED", 2)
    for _ in range(4):
        factories.make_event()
    response: Any = in_as("owner").get(address(models.Event, "changelist"))
    assert response.context["cl"].result_count == 2
