"""The crash drill: real processes, a broker full of faults, and a checker that believes neither."""
