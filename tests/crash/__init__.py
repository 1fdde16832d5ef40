"""Slow proofs of execution safety with real processes; `make drill` runs them."""
