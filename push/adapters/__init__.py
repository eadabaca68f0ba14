"""The outside: ``live_bells`` (PostgreSQL's LISTEN between gateways), ``web_push`` and ``firebase`` (phones whose app
is closed), ``twilio_sms``, ``smtp_email``, and the ``inbox`` that stands in for the last two, and
``webhooks`` (applications' addresses).
"""
