"""The signature activation module: the process that checks what the holder signed, and alone reaches the keys.

It believes nothing the gateway says about consent. What it acts on: signatures by device keys over bytes it fixed
itself, a password proof, rows that carry a MAC made in the HSM, and its own memory. Follow one signature with
docs/walkthroughs/one-signature.md open; the numbers there stand in the code here.

Rooms, each ``domain`` (pure) → ``store`` with ``queries.sql`` → ``service``, as far as it needs them:

``credentials`` keys and certificates · ``bindings`` phones · ``associations`` computers · ``clients`` integrators ·
``attempts`` the ladder of wrong passwords · ``documents`` step 4 · ``decisions`` step 7 · ``activations`` what a good
decision leaves · ``blocks`` what a holder shuts · ``orders`` what an operator orders about holders · ``signatures``
steps 8 to 10 · ``sessions`` one approval, many signatures (steps U1 to U10 of docs/walkthroughs/one-session.md) ·
``evidence`` what a holder keeps · ``emission`` how a key is born · ``consents`` to factors that an application sends ·
``generators`` of codes on phones · ``passkeys`` in front of phones' keys · ``explicit`` activations by such factors
(steps E1 to E8 of docs/walkthroughs/one-explicit-signature.md).

Beside them: ``rows`` (row MACs), ``custody`` (the password around a key), ``roots`` (statements and transport keys),
``versions`` (of KEK and pepper), ``house`` (orders about the token's keys, and which token is ours),
``memory`` and ``recall`` (what the database is not believed about), ``watch`` (when to refuse all work), ``restore``
(an operator's word about a restored database), ``signed_heads`` (what auditors trust), ``housekeeping`` (what a SAM
does by itself), ``fields`` and ``api`` (the private calls), ``commands``, ``process`` (everything put together),
``fault_points`` (where tests let it die).
"""
