"""Applications as their makers write them, from the vendors' published shapes alone: they import nothing of the server.

``norm`` is what DOC-ICP-17.01 and SafeID's collection show; ``birdid``, ``vidaas`` and ``neoid`` are what is different
there. Each raises ``Refused`` with the body it got.
"""
