"""How large trades are, and what brokers say of margin and tick values."""

import django.core.validators
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trading', '0010_trailing_stops'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='atr_multiple',
            field=models.DecimalField(decimal_places=2, default=Decimal('2'), help_text='ATR: the loss is counted over so many ATR, or to the stop when it is farther', max_digits=5),
        ),
        migrations.AddField(
            model_name='deployment',
            name='curve_factor',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='Sizes are multiplied with it while the net profit of this deployment is below its mean of 20 trades, 0 to 1; empty = they are not', max_digits=3, null=True),
        ),
        migrations.AddField(
            model_name='deployment',
            name='drawdown_from',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='Percent of drawdown from which trades get smaller; empty = they do not', max_digits=5, null=True),
        ),
        migrations.AddField(
            model_name='deployment',
            name='drawdown_to',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='Percent of drawdown at which there are none', max_digits=5, null=True),
        ),
        migrations.AddField(
            model_name='deployment',
            name='expected_nights',
            field=models.PositiveSmallIntegerField(default=0, help_text='Nights a position is held: the swap they cost is counted as loss'),
        ),
        migrations.AddField(
            model_name='deployment',
            name='gap_ticks',
            field=models.PositiveIntegerField(default=0, help_text='Ticks a price may jump over the stop, counted as loss'),
        ),
        migrations.AddField(
            model_name='deployment',
            name='kelly_start_percent',
            field=models.DecimalField(decimal_places=2, default=Decimal('0'), help_text='KELLY: percent of the base at risk until there are 100 trades; 0 = no entry', max_digits=5),
        ),
        migrations.AddField(
            model_name='deployment',
            name='max_leverage',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='How many times the equity everything open may be worth after the order; empty = not limited', max_digits=6, null=True),
        ),
        migrations.AddField(
            model_name='deployment',
            name='max_risk_coefficient',
            field=models.DecimalField(decimal_places=2, default=Decimal('1'), help_text="The broker's smallest order is taken where it is at most so many times the size found, 1 to 10; 1 = never", max_digits=4),
        ),
        migrations.AddField(
            model_name='deployment',
            name='measured_bars',
            field=models.PositiveSmallIntegerField(default=20, help_text='ATR and VOLATILITY: closed bars they are measured over, 2 to 500'),
        ),
        migrations.AddField(
            model_name='deployment',
            name='sizing_base',
            field=models.CharField(choices=[('LESSER', 'The smaller of balance and equity'), ('BALANCE', 'Balance'), ('EQUITY', 'Equity'), ('FREE_MARGIN', 'Free margin'), ('DAY_START', "Balance at the day's start"), ('LOSS_ROOM', 'What may still be lost before a limit stops trading')], default='LESSER', help_text='Which money the percent is of', max_length=11),
        ),
        migrations.AddField(
            model_name='deployment',
            name='sizing_method',
            field=models.CharField(choices=[('FIXED', 'Fixed lots'), ('FRACTIONAL', 'Percent of the base, lost at the stop'), ('MONEY', 'Money, lost at the stop'), ('ATR', 'Percent of the base, lost over a multiple of the ATR or at a farther stop'), ('VOLATILITY', 'Volatility target, percent of the base a year'), ('KELLY', 'Quarter Kelly, at most so many percent of the base')], default='FRACTIONAL', help_text='What the size of a trade is found by', max_length=10),
        ),
        migrations.AddField(
            model_name='deployment',
            name='sizing_value',
            field=models.DecimalField(blank=True, decimal_places=4, help_text='FIXED: lots. MONEY: account currency lost at the stop. VOLATILITY: percent of the base a year. Others go by the risk percent', max_digits=12, null=True),
        ),
        migrations.AddField(
            model_name='symbol',
            name='calculation',
            field=models.CharField(choices=[('FOREX', 'FOREX'), ('FOREX_NO_LEVERAGE', 'FOREX_NO_LEVERAGE'), ('FUTURES', 'FUTURES'), ('CFD', 'CFD'), ('CFDINDEX', 'CFDINDEX'), ('CFDLEVERAGE', 'CFDLEVERAGE'), ('EXCH_STOCKS', 'EXCH_STOCKS'), ('OTHER', 'OTHER')], default='FOREX', help_text='How the broker works out profit and margin; OTHER is not traded', max_length=20),
        ),
        migrations.AddField(
            model_name='symbol',
            name='margin_currency',
            field=models.CharField(blank=True, help_text='Of the fixed margin; empty = the profit currency', max_length=8),
        ),
        migrations.AddField(
            model_name='symbol',
            name='margin_initial',
            field=models.DecimalField(decimal_places=4, default=Decimal('0'), help_text='Margin of one lot where the broker fixes it; 0 = by size, price and leverage', max_digits=18),
        ),
        migrations.AddField(
            model_name='symbol',
            name='margin_rate',
            field=models.DecimalField(decimal_places=5, default=Decimal('1'), help_text='What the broker multiplies the margin with, see its contract specification', max_digits=9),
        ),
        migrations.AddField(
            model_name='symbol',
            name='tick_price',
            field=models.DecimalField(blank=True, decimal_places=9, help_text='FUTURES need it: profit of one lot per tick, in profit currency', max_digits=18, null=True),
        ),
        migrations.AddField(
            model_name='symbol',
            name='tick_value_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='When both were compared', null=True),
        ),
        migrations.AddField(
            model_name='symbol',
            name='tick_value_ratio',
            field=models.DecimalField(blank=True, decimal_places=9, editable=False, help_text="The broker's tick value over ours; more than 1 % apart refuses entries", max_digits=18, null=True),
        ),
        migrations.AddField(
            model_name='symbol',
            name='volume_limit',
            field=models.DecimalField(blank=True, decimal_places=4, help_text='Most lots to one side, open and resting together; empty = not limited', max_digits=12, null=True),
        ),
        migrations.AlterField(
            model_name='deployment',
            name='risk_percent',
            field=models.DecimalField(decimal_places=2, default=Decimal('0.50'), help_text='Percent of the base that is lost when the stop is hit; of KELLY the most', max_digits=5, validators=[django.core.validators.MinValueValidator(Decimal('0.01')), django.core.validators.MaxValueValidator(Decimal('10'))]),
        ),
        migrations.AddConstraint(
            model_name='deployment',
            constraint=models.CheckConstraint(condition=models.Q(('sizing_base__in', ['LESSER', 'BALANCE', 'EQUITY', 'FREE_MARGIN', 'DAY_START', 'LOSS_ROOM']), ('sizing_method__in', ['FIXED', 'FRACTIONAL', 'MONEY', 'ATR', 'VOLATILITY', 'KELLY'])), name='deployment_sizing_known'),
        ),
    ]
