"""Which of the algorithms of docs/protocol.md section 5 we offer for a key."""

from protocol.algorithms import KEY_KINDS, SIGN_ALGORITHMS, SignAlgorithm


def possible(key_algorithm: str) -> list[SignAlgorithm]:
    """What a key (``RSA-2048``, ``P-384``) can do, the usual one first; nothing for a kind of key we do not know."""
    kind = KEY_KINDS.get(key_algorithm)
    return [] if kind is None else [algorithm for algorithm in SIGN_ALGORITHMS.values() if kind.signs(algorithm)]
