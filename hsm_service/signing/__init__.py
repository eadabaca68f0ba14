"""A signature request's life at the gateway: asked, waiting, approved, redeemed, signed; or refused, lapsed, withdrawn.

The gateway decides nothing here that consent rests on: the SAM fixes what the phone sees, checks the decision and
signs. This slice knows who asked for what, keeps callers from bothering holders, and hands the activation secret out.

Start with ``service/requests.py``, whose comments carry the step numbers of docs/walkthroughs/one-signature.md; the
states are a table in ``domain/request.py``, what is admissible is ``domain/policy.py``.
"""
