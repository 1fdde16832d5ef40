"""Who may close a position in the admin."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0005_execution_fill")]
    operations = [
        migrations.AlterModelOptions(
            name="position",
            options={"permissions": [("close_position", "Can close a position at its broker")]},
        ),
        migrations.AlterField(
            model_name="account",
            name="kind",
            field=models.CharField(help_text="Broker adapter, one of: paper, venue", max_length=20),
        ),
    ]
