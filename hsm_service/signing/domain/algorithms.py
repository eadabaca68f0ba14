"""Which of the algorithms of docs/protocol.md section 5 we offer for a key."""

from protocol.algorithms import SIGN_ALGORITHMS, SignAlgorithm


def possible(key_algorithm: str) -> list[SignAlgorithm]:
    """What a key (``RSA-2048``, ``P-256``) can do, the usual one first; nothing for a kind of key we do not know.

    A P-256 key is offered with SHA-256 only: a longer hash would be cut to 256 bits, and buys nothing.
    """
    if key_algorithm == "P-256":
        return [SIGN_ALGORITHMS["ECDSA-SHA256"]]
    if key_algorithm.startswith("RSA-"):
        return [algorithm for algorithm in SIGN_ALGORITHMS.values() if algorithm.family != "ECDSA"]
    return []
