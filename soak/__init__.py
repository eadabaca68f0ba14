"""`make soak`: half an hour of mixed load over a whole Link ID, something broken every twenty seconds.

`ledger` is kept outside and judges (first file to open; pure); `people` ask, approve, refuse and sign; `faults` breaks
things by a seeded schedule; `watch` reads what the SAM kept, walks the audit, and measures memory; `run` puts them
together; `report` writes docs/soak/latest.md. A violation ends it with exit code 1.
"""
