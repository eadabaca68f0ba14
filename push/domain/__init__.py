"""The rules, without I/O: ``outbox`` is the life of a queued message and when to try again, ``sealing`` how its content
is sealed, ``webhooks`` what applications are sent and where that may go.
"""
