"""Whether a result would hold: tests against luck, against the choice among many, against leaks.

`bootstrap` resamples days, `overfit` and `spa` judge a choice among many, `splits` cuts history so
that nothing leaks, `plateau` and `stress` disturb parameters and terms, `random_entry` trades at
random moments, `bias` looks for the future in signals. The ratios are in `trading.engine.stats`.
"""
