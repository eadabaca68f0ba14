"""Reaching people: text messages and e-mail that leave once, and doorbells that ring on phones.

* The **outbox** (``domain/outbox.py``, ``service/outbox.py``): whoever has something to send writes a row in its own
  transaction, so that it is sent if, and only if, that transaction committed; a worker carries it out, tries again what
  may be tried again, and gives up when it is of no use any more.
* The **live channel** (``service/live.py``, ``web/live.py``): while the app is open it holds a stream, and a doorbell
  arrives there within milliseconds, whichever gateway it was rung at. An idle one costs a socket and little else
  (``domain/streams.py``, docs/decisions/0050).

* A **push** (``service/addresses.py``, ``domain/addresses.py``) follows a second later, to a phone whose app is closed:
  through the push service of its browser, or Firebase. It is not sent to a phone that has asked what waits meanwhile.

``service/bells.py`` is the one to open first: who is told by which way, and when. A doorbell is an opaque id and never
content: what waits is fetched over the phone's own proved call. Losing one costs seconds, because phones also look for
themselves.

Floors as everywhere; ``adapters`` has the outside: Twilio, SMTP, applications' webhooks, the development inbox,
PostgreSQL's LISTEN.
"""
