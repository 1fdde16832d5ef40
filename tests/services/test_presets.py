"""Presets become rows of an account, and draw the floors that their programmes publish."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from tests.factories import make_account, make_day_mark, make_fill, make_position, make_risk_limit
from trading.engine.risk import Control, DrawdownState, Limit, Reading, Subject, floor_of
from trading.engine.risk.watching import Owner
from trading.engine.types import EngineError
from trading.models import Account, Challenge, Event, RiskLimit
from trading.selectors.losses import loss_states
from trading.selectors.progress import progress_of
from trading.selectors.standing import limits_at
from trading.services.guards import states_keep
from trading.services.presets import Applying, preset_apply, preset_named, presets

pytestmark = pytest.mark.django_db
D = Decimal
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PROGRAMMES = [name for name, preset in presets().items() if preset.phases]


def apply(name: str, **how: Any) -> Account:
    account = make_account(balance=D(100_000))
    preset_apply(preset=preset_named(name), account=account, actor="anna", how=Applying(**how))
    return account


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_becomes_the_limits_of_an_account(name: str) -> None:
    account, preset = apply(name), preset_named(name)
    held = [limit for limit in limits_at(account=account) if limit.row_id is not None]
    assert len(held) == len(preset.limits) == RiskLimit.objects.filter(account=account).count()
    assert ("check your contract" in preset.note) == bool(preset.phases)
    assert Event.objects.get(kind="limit.preset").payload["actor"] == "anna"


@pytest.mark.parametrize("name", PROGRAMMES)
def test_every_programme_has_a_daily_loss_a_drawdown_and_goals(name: str) -> None:
    limits = limits_at(account=apply(name))
    for control in (Control.DAILY_LOSS, Control.MAX_DRAWDOWN):
        assert [limit.action for limit in limits.of(control)] == ["FLATTEN"]
    challenge = Challenge.objects.get()
    assert challenge.profit_target
    assert challenge.best_day or challenge.min_days or challenge.min_profit_days
    (daily,) = limits.of(Control.DAILY_LOSS)
    assert (challenge.reset, challenge.zone) == (daily.reset, daily.zone)


def test_applying_again_changes_what_is_there(name: str = "ftmo-2-step") -> None:
    account = apply(name)
    RiskLimit.objects.update(value=1, enabled=False)
    preset_apply(preset=preset_named(name), account=account, actor="anna", how=Applying(phase=2))
    assert RiskLimit.objects.get(control="MAX_DRAWDOWN").value == 10
    assert not RiskLimit.objects.filter(enabled=False).exists()
    assert Challenge.objects.get().profit_target == 5


def test_other_limits_are_switched_off_only_where_that_is_asked_for() -> None:
    account = make_account(balance=D(100_000))
    for alone, enabled in ((False, True), (True, False)):
        make_risk_limit(account=account, value=9, unit="LOTS") if not alone else None
        how = Applying(alone=alone)
        preset_apply(preset=preset_named("e8-one"), account=account, actor="anna", how=how)
        assert RiskLimit.objects.get(control="MAX_LOTS").enabled is enabled


def test_a_programme_needs_an_initial_balance() -> None:
    account = make_account(balance=D(0))
    with pytest.raises(EngineError, match="initial balance above 0"):
        preset_apply(preset=preset_named("e8-one"), account=account, actor="anna")
    how = Applying(initial=D(50_000))
    preset_apply(preset=preset_named("e8-one"), account=account, actor="anna", how=how)
    account.refresh_from_db()
    assert account.initial_balance == 50_000


@pytest.mark.parametrize("phase", [0, 3])
def test_a_phase_that_is_not_there_is_refused(phase: int) -> None:
    with pytest.raises(EngineError, match="expected phase 1 to 2"):
        apply("ftmo-2-step", phase=phase)


class TestVectors:
    """The floors of the programmes, from rows to rows."""

    def played(self, account: Account, limit: Limit, *looks: tuple[datetime, int, int]) -> Limit:
        """The limit, once what was read of its account is kept by its clock."""
        first = Reading(looks[0][0], D(looks[0][1]), D(looks[0][2]))
        state = DrawdownState.opened(account.initial_balance or D(0), first, limit.clock)
        for at, balance, equity in looks[1:]:
            state = state.advance(Reading(at, D(balance), D(equity)), limit.clock)
        owner = Owner(Subject.ACCOUNT, str(account.pk))
        states_keep(states={(owner, limit.clock): state}, begun=(), read_at=looks[-1][0])
        return limit

    def floor(self, account: Account, limit: Limit) -> tuple[int, bool]:
        clocks = next(iter(loss_states(account=account).values()))
        found = floor_of(limit, clocks[limit.clock].state())
        return int(found.floor), found.is_breached

    def limit(self, account: Account, control: Control) -> Limit:
        return limits_at(account=account).of(control)[0]

    def test_a_ftmo_2_step_counts_from_the_balance_at_midnight(self) -> None:
        account = apply("ftmo-2-step")
        daily = self.limit(account, Control.DAILY_LOSS)
        evening, night = NOON + timedelta(hours=8), NOON + timedelta(hours=12)
        self.played(account, daily, (NOON, 100_000, 100_000), (evening, 104_000, 104_000))
        assert self.floor(account, daily) == (95_000, False)
        looks = (NOON, 100_000, 100_000), (evening, 104_000, 104_000), (night, 104_000, 104_000)
        self.played(account, daily, *looks)
        assert self.floor(account, daily) == (99_000, False)

    def test_b_a_floating_loss_breaches_at_midnight_without_a_move(self) -> None:
        account = make_account(balance=D(200_000))
        preset_apply(preset=preset_named("ftmo-2-step"), account=account, actor="anna")
        daily = self.limit(account, Control.DAILY_LOSS)
        before = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)  # 23:59 in Prague
        looks = (NOON, 200_000, 200_000), (before, 204_000, 191_000)
        self.played(account, daily, *looks)
        assert self.floor(account, daily) == (190_000, False)
        self.played(account, daily, *looks, (before + timedelta(minutes=1), 204_000, 191_000))
        assert self.floor(account, daily) == (194_000, True)

    def test_c_ftmo_1_step_trails_the_balance_at_midnight_and_never_falls(self) -> None:
        account = apply("ftmo-1-step")
        drawdown = self.limit(account, Control.MAX_DRAWDOWN)
        days = [NOON + timedelta(days=n) for n in range(3)]
        looks = [(at, b, b) for at, b in zip(days, (100_000, 104_000, 103_000), strict=True)]
        for seen in (looks[:2], looks):
            self.played(account, drawdown, *seen)
            assert self.floor(account, drawdown) == (94_000, False)

    def test_d_the_higher_of_balance_and_equity_is_the_reference(self) -> None:
        for name in ("the5ers-high-stakes", "fundingpips-2-step"):
            account = apply(name)
            daily = self.limit(account, Control.DAILY_LOSS)
            looks = (NOON, 100_000, 103_000), (NOON + timedelta(days=1), 100_000, 103_000)
            self.played(account, daily, *looks)
            assert self.floor(account, daily) == (97_850, False)

    def test_e_each_programme_has_its_own_midnight(self) -> None:
        at = datetime(2026, 3, 10, 12, tzinfo=UTC)  # New York has changed its clocks, Prague not
        starts = {
            name: self.limit(apply(name), Control.DAILY_LOSS).clock.start(at).strftime("%H:%M")
            for name in ("ftmo-2-step", "blue-guardian-2-step", "alpha-capital-pro")
        }
        assert list(starts.values()) == ["23:00", "21:00", "21:00"]

    def test_e8_one_locks_at_the_initial_balance(self) -> None:
        account = apply("e8-one")
        drawdown = self.limit(account, Control.MAX_DRAWDOWN)
        for balance, floor in ((103_000, 97_000), (106_000, 100_000), (120_000, 100_000)):
            looks = (NOON, 100_000, 100_000), (NOON + timedelta(hours=1), balance, balance)
            self.played(account, drawdown, *looks)
            assert self.floor(account, drawdown) == (floor, False)

    def test_blue_guardian_takes_a_share_of_the_initial_balance_from_the_higher(self) -> None:
        account = apply("blue-guardian-2-step")
        daily = self.limit(account, Control.DAILY_LOSS)
        looks = (NOON, 100_000, 103_000), (NOON + timedelta(days=1), 100_000, 103_000)
        self.played(account, daily, *looks)
        assert self.floor(account, daily) == (99_000, False)


class TestProgress:
    """What the challenge of an account wants, by its day marks and fills."""

    @pytest.fixture
    def account(self) -> Account:
        account = apply("ftmo-1-step")
        Challenge.objects.update(started_at=NOON, min_days=2)
        Account.objects.update(balance=D(106_500))
        account.refresh_from_db()
        for day, balance, moved in ((1, 101_000, 0), (2, 104_000, 500)):
            began = datetime(2026, 3, 1 + day, 23, tzinfo=UTC)
            clock = {"reset": "00:00", "zone": "Europe/Prague", "began": began}
            make_day_mark(account=account, balance=D(balance), moved=D(moved), **clock)
        return account

    def test_days_are_the_differences_of_their_starts(self, account: Account) -> None:
        account.balance_moves.create(deal_id="1", amount=D(500), at=NOON + timedelta(days=2))
        make_fill(position=make_position(account=account, opened_at=NOON + timedelta(days=1)))
        found = progress_of(account=account)
        assert found is not None
        assert [day.profit for day in found.days] == [1000 + 3000, 2000]
        goals = {goal.label: (goal.found, goal.is_met) for goal in found.goals}
        assert goals["Profit"] == (D(6), False)
        assert goals["Trading days"] == (D(1), False)

    def test_the_page_of_the_account_shows_it(self, account: Account, client: Client) -> None:
        client.force_login(User.objects.create_superuser("owner"))
        shown = client.get(f"/admin/trading/account/{account.pk}/change/").text
        for words in ("FTMO 1-Step", "check your contract", "missing: 2 more", "Best day"):
            assert words in shown

    def test_without_an_initial_balance_it_says_so(self, account: Account) -> None:
        account.initial_balance = None
        found = progress_of(account=account)
        assert found is not None
        assert "no initial balance" in found.problem
        assert progress_of(account=make_account()) is None


class TestAsking:
    """From the command line, and from the list of accounts."""

    def test_the_command_lists_and_sets(self) -> None:
        out, account = StringIO(), make_account(balance=D(100_000))
        call_command("riskpreset", stdout=out)
        assert "FTMO 2-Step: FTMO Challenge, FTMO Verification" in out.getvalue()
        call_command("riskpreset", "ftmo-2-step", account=account.name, stdout=out)
        assert "check your contract" in out.getvalue()
        assert RiskLimit.objects.filter(account=account).count() == 4

    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("no-such", {"account": "X"}, "Expected a preset among"),
            ("e8-one", {}, "Expected --account"),
            ("e8-one", {"account": "X", "initial": "much"}, "Expected an amount"),
            ("e8-one", {"account": "X", "phase": 2}, "expected phase 1 to 1"),
        ],
    )
    def test_what_it_cannot_do_it_says(
        self, name: str, options: dict[str, Any], message: str
    ) -> None:
        make_account(name="X", balance=D(100_000))
        with pytest.raises(CommandError, match=message):
            call_command("riskpreset", name, **options, stdout=StringIO())

    def test_the_list_of_accounts_asks_first(self, client: Client) -> None:
        client.force_login(User.objects.create_superuser("owner"))
        account = make_account(balance=D(100_000))
        data = {"action": "preset", "_selected_action": [account.pk]}
        path = "/admin/trading/account/"
        assert "check your contract" in client.post(path, data).text
        assert RiskLimit.objects.count() == 0
        chosen = {**data, "confirmed": "yes", "preset": "e8-one", "phase": "1"}
        assert "4 limits of E8 One" in client.post(path, chosen, follow=True).text
        assert RiskLimit.objects.count() == 4
        refused = client.post(path, {**chosen, "phase": "9"}, follow=True).text
        assert "expected phase 1 to 1" in refused
