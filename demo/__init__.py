"""`make demo`: the whole story through public interfaces only, told step by step.

`stack` starts a Link ID of its own under a folder of its own; `people` are those who take part (an operator, a holder
with a phone, a computer); `story` lets them meet; `proof` asks strangers (pdfsig, openssl, pyHanko) what they think of
the result. The journeys under tests/ use the same stack and the same people.
"""
