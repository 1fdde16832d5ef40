"""Stops follow the market: how far behind it, and since when they are on their way."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0009_kinds_of_brokers'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='trail',
            field=models.DecimalField(blank=True, decimal_places=9, help_text='How far its stop follows behind every close; empty = it stays', max_digits=18, null=True),
        ),
        migrations.AddField(
            model_name='position',
            name='moving_since',
            field=models.DateTimeField(blank=True, help_text='Since when the broker shall show a stop that has followed, wall clock', null=True),
        ),
        migrations.AddField(
            model_name='position',
            name='trail',
            field=models.DecimalField(blank=True, decimal_places=9, help_text='How far its stop follows behind every close; empty = it stays', max_digits=18, null=True),
        ),
        migrations.AddIndex(
            model_name='position',
            index=models.Index(condition=models.Q(('unprotected_since__isnull', False), ('moving_since__isnull', False), _connector='OR'), fields=['account'], name='position_unsettled'),
        ),
    ]
