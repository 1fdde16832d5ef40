"""An emulator of MetaApi: its REST endpoints and its Socket.IO protocol on one port of loopback.

The unmodified SDK and a plain HTTP client talk to it as to the cloud. `python -m
tests.metaapi_emulator` runs it as a process of its own, `running.emulator()` inside a test. What it
executed stands in a ledger that knows nothing of what a client believes.
"""
