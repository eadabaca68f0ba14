"""``outbox``: queueing and the worker. ``bells``: ringing, by which way and when. ``live``: this gateway's streams;
``door``: how they come in. ``addresses``: where closed apps are reached, and the push there. ``deliveries``: what
providers tell later. ``numbers``: metrics.
"""
