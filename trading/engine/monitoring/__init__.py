"""Whether a strategy that trades still is the one that was tested.

`band` watches its equity, `fills` what its orders cost, `drift` its inputs, `calibration` its
probabilities. Each says how often it raises a false alarm; none of them replaces a limit on risk.
"""
