"""The AC: the process that issues certificates, on signed orders only.

It has its own HSM slot, PIN and database role, and is reached over a private channel. It believes nothing a gateway
says: only signatures by pinned keys (operators, the SAM's root), the installation password, and the emission key's own
signatures. Read ``service/issuing.py`` (the steps I1 to I10), then ``domain/permit.py`` (why they cannot be skipped);
``process`` puts everything together.
"""
