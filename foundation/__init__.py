"""The ground every slice stands on: no business, no secrets of its own, and it imports none of ours.

Where to look first:

* ``errors``: the families every slice subclasses; ``web`` and ``channel`` turn them into wire answers.
* ``clock``, ``ids``, ``encoding``, ``network`` (whom an address stands for): pure; with ``errors`` and ``machine`` all
  that a ``domain`` may import.
* ``machine``: a table of states, used by domains, by guarded UPDATEs and for the diagrams.
* ``database``, ``queries``, ``migrations``: PostgreSQL by asyncpg, SQL in ``.sql`` files, schemas by slice.
* ``group_commit``: what several callers write at one moment, as one transaction; ``together``: what they look at, in
  one statement.
* ``threads``: blocking calls in threads of their own, handed over cheaply.
* ``audit``: the chained, append-only record.
* ``web`` (public HTTP), ``channel`` (frames between our processes), ``dpop`` (proof of possession), ``tls``.
* ``settings``, ``logs``: what an operator writes, and what an operator reads; ``watched_file``: what is replaced while
  we run; ``loop_watch``: how late the event loop is; ``collector``: that it is not late for garbage; ``exits``: how a
  process ends, and what should come next.
"""
