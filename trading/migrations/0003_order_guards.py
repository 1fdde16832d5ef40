"""The database refuses illegal moves of an order and any change of what is append-only.

A later migration that rebuilds one of these tables on SQLite drops its triggers: end it with
`migrations.RunPython(install, remove)` again.
"""

from django.db import migrations

from trading.engine.orders import legal_pairs

APPEND_ONLY = ("trading_ordertransition", "trading_event")


def install(apps, schema_editor):
    remove(apps, schema_editor)
    legal = ", ".join(f"'{source}>{target}'" for source, target in legal_pairs())
    for statement in GUARDS[schema_editor.connection.vendor](legal):
        schema_editor.execute(statement, params=None)


def remove(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    on = (lambda table: f" ON {table}") if vendor == "postgresql" else (lambda table: "")
    schema_editor.execute(f"DROP TRIGGER IF EXISTS order_moves_legally{on('trading_order')}")
    for table in APPEND_ONLY:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only{on(table)}")


def _sqlite(legal):
    yield f"""
        CREATE TRIGGER order_moves_legally BEFORE UPDATE OF status ON trading_order
        WHEN OLD.status <> NEW.status AND (OLD.status || '>' || NEW.status) NOT IN ({legal})
        BEGIN SELECT RAISE(ABORT, 'illegal move of an order'); END"""
    for table in APPEND_ONLY:
        yield f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table}
            BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""


def _postgresql(legal):
    yield f"""
        CREATE OR REPLACE FUNCTION order_moves_legally() RETURNS trigger AS $$
        BEGIN
            IF OLD.status <> NEW.status AND (OLD.status || '>' || NEW.status) NOT IN ({legal}) THEN
                RAISE EXCEPTION 'illegal move of an order: % to %', OLD.status, NEW.status
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$ LANGUAGE plpgsql"""
    yield """
        CREATE TRIGGER order_moves_legally BEFORE UPDATE OF status ON trading_order
        FOR EACH ROW EXECUTE FUNCTION order_moves_legally()"""
    yield """
        CREATE OR REPLACE FUNCTION append_only() RETURNS trigger AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END $$ LANGUAGE plpgsql"""
    for table in APPEND_ONLY:
        yield f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table}
            FOR EACH ROW EXECUTE FUNCTION append_only()"""


GUARDS = {"sqlite": _sqlite, "postgresql": _postgresql}


class Migration(migrations.Migration):
    dependencies = [("trading", "0002_order_transitions_and_kill_switches")]
    operations = [migrations.RunPython(install, remove)]
