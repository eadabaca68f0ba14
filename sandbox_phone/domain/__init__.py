"""What a phone makes and checks, without input or output: time is an argument, keys are values.

`encoding` → `keys` → `jws` → `trust` → `statement` → `proof` → `decision`: each imports only those before it.
`codes` (without a network) needs `encoding`, `keys` and `jws` of them. `usage_password` stands alone: which ones the
emission page refuses.
"""
