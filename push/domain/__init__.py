"""The rules, without I/O.

``outbox``: the life of a queued message, and when to try again; ``sealing``: how its content is sealed; ``waits``: how
long a provider wants us to wait. ``streams``: when each beats and ends, and how many open at once. ``addresses``: where
a closed app is reached; ``bombing``: how often. ``deliveries``: what a provider tells later. ``webhooks``: what
applications are sent, and where that may go; ``silence``: how long a receiver that keeps silent is left alone.
"""
