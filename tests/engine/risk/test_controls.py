"""The catalogue of controls is complete and consistent."""

from decimal import Decimal

import pytest

from trading.engine.risk import SPECS, Action, Control, Scope, Unit, limit_of, preset_limit
from trading.engine.risk.account_specs import ACCOUNT_SPECS
from trading.engine.risk.order_specs import ORDER_SPECS

ASKED = (
    *(f"O{n}" for n in range(1, 15)),
    *(f"S{n}" for n in range(1, 5)),
    *("C1", "C2", "C3", "A1", "A2", "A3-A5", "A6", "A7", "A8", "A9", "A10", "G1", "G2"),
)


def test_every_entry_of_the_catalogue_has_a_control() -> None:
    assert {spec.catalogue for spec in SPECS.values()} == set(ASKED)


def test_every_spec_belongs_to_one_control() -> None:
    names = [*ORDER_SPECS, *ACCOUNT_SPECS]
    assert sorted(names) == sorted(Control)


@pytest.mark.parametrize("name", ["MAX_LOTS", "MAX_SPREAD", "MAX_POSITIONS", "DAILY_LOSS"])
def test_names_on_record_stay(name: str) -> None:
    assert Control(name).value == name


def test_labels_and_codes_are_unmistakable() -> None:
    assert len({control.label for control in Control}) == len(Control)
    assert len({spec.code for spec in SPECS.values()}) == len(Control)
    assert all(spec.rule and spec.label for spec in SPECS.values())


@pytest.mark.parametrize("control", Control)
def test_what_a_spec_allows_makes_limits(control: Control) -> None:
    spec = control.spec
    for unit in spec.units:
        for scope in spec.scopes:
            for action in spec.actions:
                target = "" if scope is Scope.GLOBAL else "1"
                limit = limit_of(control, 1, unit=unit, scope=scope, action=action, target=target)
                assert limit.subject is spec.subjects[scope]


def test_presets_make_limits() -> None:
    found = [
        preset_limit(control, preset, target="" if preset.scope is Scope.GLOBAL else "1")
        for control, spec in SPECS.items()
        for preset in spec.presets
    ]
    ladder = [(x.value, x.action) for x in found if x.control is Control.MARGIN_LEVEL]
    assert ladder == [
        (Decimal(300), Action.NOTIFY),
        (Decimal(200), Action.BLOCK),
        (Decimal(150), Action.REDUCE),
        (Decimal(120), Action.FLATTEN),
    ]


def test_actions_and_scopes_are_in_order() -> None:
    assert Action.NOTIFY.rank < Action.BLOCK.rank < Action.PAUSE.rank < Action.FLATTEN.rank
    assert Scope.GLOBAL.rank < Scope.ACCOUNT.rank < Scope.SYMBOL.rank < Scope.DEPLOYMENT.rank


def test_only_flags_have_no_number() -> None:
    flags = {control for control, spec in SPECS.items() if Unit.FLAG in spec.units}
    assert all(SPECS[control].units == (Unit.FLAG,) for control in flags)
    assert Control.IN_DOUBT in flags
    assert Control.MAX_LOTS not in flags
