"""Reaching people: text messages and e-mail that leave once, and doorbells that ring on phones.

* The **outbox** (``domain/outbox.py``, ``service/outbox.py``): whoever has something to send writes a row in its own
  transaction, so that it is sent if, and only if, that transaction committed; a worker carries it out, tries again what
  may be tried again, and gives up when it is of no use any more.
* The **live channel** (``service/live.py``, ``web/live.py``): while the app is open it holds a stream, and a doorbell
  arrives there within milliseconds, whichever gateway it was rung at.

A doorbell is an opaque id and never content: what waits is fetched over the phone's own proved call. Losing one costs
seconds, because phones also look for themselves. FCM and Web Push will be further carriers of the kind ``doorbell``.

Floors as everywhere; ``adapters`` has the outside: Twilio, SMTP, applications' webhooks, the development inbox,
PostgreSQL's LISTEN.
"""
