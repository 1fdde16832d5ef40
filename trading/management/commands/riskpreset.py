"""Set the ready-made limits of a programme for an account."""

import getpass
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.engine.types import EngineError
from trading.management.named import account_named
from trading.services.presets import Applying, preset_apply, preset_named, presets


class Command(BaseCommand):
    """Without a name it lists what there is."""

    help = "Set the limits of a preset for an account: check your contract, programmes change."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="without it the presets are listed")
        parser.add_argument("--account", help="name or number of an account")
        parser.add_argument("--phase", type=int, default=1, help="of the programme; 1 is the first")
        parser.add_argument("--initial", help="initial balance; default: as known, else of now")
        parser.add_argument(
            "--alone", action="store_true", help="switch the account's other limits off"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["name"] is None:
            for preset in presets().values():
                phases = ", ".join(str(phase["name"]) for phase in preset.phases)
                self.stdout.write(f"{preset.name:28}{preset.title}: {phases or 'no programme'}")
            return
        if options["account"] is None:
            raise CommandError("Expected --account, was none")
        account = account_named(options["account"])
        try:
            preset = preset_named(options["name"])
            how = Applying(options["phase"], _money(options["initial"]), options["alone"])
            actor = f"{getpass.getuser()} (command line)"
            rows = preset_apply(preset=preset, account=account, actor=actor, how=how)
        except EngineError as e:
            raise CommandError(str(e)) from e
        self.stdout.write("".join(f"{row}, {row.get_action_display().lower()}\n" for row in rows))
        self.stdout.write(f"Initial balance {account.initial_balance}. {preset.note}")


def _money(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation as e:
        raise CommandError(f"Expected an amount for --initial, was {text!r}") from e
