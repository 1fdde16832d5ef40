"""The gate's question about an account's open orders."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.desk import Desk, make_desk
from tests.factories import make_order
from trading.selectors.pending import orders_pending

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_what_may_still_be_executed_is_pending_and_nothing_else(desk: Desk) -> None:
    given = {"account": desk.account, "symbol": desk.symbol, "deployment": desk.deployment}
    asked = make_order(**given, status="APPROVED")
    for status in ("FILLED", "EXPIRED", "REJECTED", "UNKNOWN"):
        make_order(**given, status=status, lots="0.17")
    unverified = make_order(**given, status="REJECTED", verify_stage=1, lots="0.18")
    found = {(other.status, other.verify_stage) for other in orders_pending(order=asked)}
    assert found == {("UNKNOWN", 0), (unverified.status, 1)}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL chooses by statistics")
def test_each_part_of_the_question_has_an_index(desk: Desk) -> None:
    order = make_order(account=desk.account, symbol=desk.symbol, deployment=desk.deployment)
    with CaptureQueriesContext(connection) as asked:
        orders_pending(order=order)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]['sql']}")
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "order_by_status" in plan
    assert "order_by_verify_stage" in plan
