"""Open positions want the stop they have; the guards are installed again.

Adding columns to the orders and their transitions rebuilds these tables on SQLite, which drops
their triggers.
"""

from importlib import import_module

from django.db import migrations
from django.db.models import F

guards = import_module("trading.migrations.0003_order_guards")


def want_the_stop(apps, schema_editor):
    positions = apps.get_model("trading", "Position").objects.filter(closed_at__isnull=True)
    positions.update(wanted_stop=F("stop"))


class Migration(migrations.Migration):
    dependencies = [("trading", "0004_execution_safety")]
    operations = [
        migrations.RunPython(want_the_stop, migrations.RunPython.noop),
        migrations.RunPython(guards.install, guards.remove),
    ]
