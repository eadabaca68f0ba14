"""The stories: who does what in which order, with which rows in which transaction.

* ``phones``: a number, a code, a nickname, a token; what a phone is told about itself.
* ``decisions``: documents of the SAM on their way to a phone and back, and what follows from the SAM's verdict.
* ``links``: the side that shows a QR code and takes the check code (OAuth's authorize page is one as well); ``scans``:
  the phone; ``link_life``: what they share.
* ``calls``: the same question by ringing the phone, for programs that have no page.
* ``computers``: computers as OAuth clients, and how they go.
* ``possessions``: phones of a holder, seen from one of them; past requests.
* ``bells``: which phones to ring for a credential.
* ``blocks``: certificates that a holder shuts, and opens again.
* ``admissions``: phones that wait before they may decide.
* ``consents``: applications that send a holder's factors, and the generators of codes on phones.
* ``passkeys``: the phone's screen lock, which speaks for each yes.
* ``pauses``: where codes are sent and never typed, and sending stops.
* ``warnings``: what holders are told on every phone.
* ``meter``: limits. ``look``: what an operator is told. ``numbers``: metrics.

A service holds no state; every gateway has its own and they agree through the database.
"""
