"""Telling an application what became of its requests, so that it need not ask: where to, and which events.

A webhook is a doorbell with a name on it: ids and a state, never a document's label, a name or a hash. Whoever needs
more asks, with its token. What is told is queued in the transaction in which it became true, and carried by push's
outbox (a kind of message of its own, with a worker of its own, so that slow receivers hold up nobody's phone).

* ``domain``: the events, and which addresses may be given. Pure.
* ``service``: setting an address, telling, and noticing that a session's time is over.
* ``web``: the public key by which a receiver knows us; ``openapi`` describes it, and what is sent.
"""
