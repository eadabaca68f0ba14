"""Phones and computers of a holder: how each is introduced, known again, and sent away.

Two ceremonies, each a table of states that one reads in a minute:

* a **phone** proves a number by SMS, takes a nickname, proves the usage password once (to the SAM, not to us) and is
  active after it approved a test that was rung (``domain/ceremony.py``);
* a **computer** shows a QR code that changes every second, a paired phone claims it, approves it, and shows a check
  code that is typed into the computer (``domain/link.py``). OAuth's authorize page uses the same ceremony.

Whether a holder consented is never decided here: phones answer documents of the SAM, the SAM judges the answer, and
this slice only reacts to the verdict (``service/decisions.py``). A gateway that lies here gains nothing to sign with.

Floors: ``web`` → ``service`` → ``store`` (+ ``queries.sql``) → ``domain``; ``ports.py`` says what we need from others,
``errors.py`` what can go wrong and how people are told. Open ``domain/ceremony.py`` first.
"""
