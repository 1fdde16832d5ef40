"""Wiring of the platform."""

RELEASE = 2026_11_25_01
"""Build of the program, date and number: raise it whenever trading behaves differently. An account
that a newer build has run refuses older ones."""
