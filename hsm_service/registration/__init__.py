"""Applications registered by their owners on a page: an owner signs in with the phone, an operator lets them in.

An owner is a holder, known by what the phone approved on the authorize page; there is no other account and no password
(docs/decisions/0041). What waits for an operator is never changed, only withdrawn: an operator admits what they read.

* ``domain``: what a form may say, and how an application stands. Pure.
* ``service``: ``sign_ins`` (who sits at the page), ``applications`` (what an owner does), ``admission`` (what an
  operator does).
* ``web``: the page. It runs no script.
* ``commands``: what an operator types.
"""
