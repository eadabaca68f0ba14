"""What a phone makes and checks, without input or output: time is an argument, keys are values.

`encoding` → `keys` → `jws` → `trust` → `statement` → `proof` → `decision`: each imports only those before it.
`passkey` (the phone's lock) needs `encoding` and `keys` of them, `codes` (without a network) `encoding`, `keys` and
`jws`. `usage_password` stands alone: which ones the emission page refuses.
"""
