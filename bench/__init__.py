"""`make bench`: how fast, as ratios to a reference measured in the same round, several rounds, medians.

Open ``measures`` for the table of rows; a new one is a line there, and a flow in ``flows`` or ``flows_api``. ``bed`` is
a Link ID of its own with its load generator, ``people`` makes the holders and integrators in it, ``rounds`` measures
(``million`` does among a million credentials, ``waiting`` among a thousand requests that nobody answered yet,
``live`` with 20,000 phones connected), ``report`` prints.

    the generator's process:  generator → flows, flows_api, flows_live → client_side (what clients compute), wire (HTTP)
    beside it:                waiters (whose holders do not answer), idle_phones → live_line, second_gateway,
                              p11_program
    references:               raw_pkcs11 → raw_worker (the bare token), echo (bare aiohttp)
    what it could cost:       least (the protocol's own parts, each alone)
    what it cost:             usage (/proc), machine (which one), profile (of gateway and SAM), page (the document)

``outbox`` and ``desktop`` (→ p11_program, a program with a PKCS#11 token) need neither people nor generator.

Absolute numbers belong to one machine and one minute; ratios travel better, so every row has one.
"""
