"""The outside of signing: ``sam`` over its private channel, ``explicit`` (the factors, sealed before they go there),
and PostgreSQL's notifications (``wakeups``).
"""
