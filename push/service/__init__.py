"""``outbox``: queueing and the worker. ``bells``: ringing. ``live``: this gateway's streams. ``numbers``: metrics."""
