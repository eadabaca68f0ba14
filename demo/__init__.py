"""`make demo`: the whole story through public interfaces only, told step by step.

`stack` starts a Link ID of its own under a folder of its own; `world` settles people in one call, `phones` (with
`chromium`), `computer` and `agent` are what they hold; `story` lets them meet over a `paper`, and keeps the `evidence`;
`proof` asks strangers (pdfsig, openssl, pyHanko) what they think of the result. The journeys under tests/ use the same
stack and the same people.
"""
