"""The outside: ``live_bells`` (PostgreSQL's LISTEN between gateways), ``twilio_sms``, ``smtp_email``, the ``inbox``
that stands in for both, and ``webhooks`` (applications' addresses).
"""
