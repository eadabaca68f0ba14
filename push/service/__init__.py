"""``outbox``: queueing and the worker. ``bells``: ringing. ``live``: the streams of this gateway."""
