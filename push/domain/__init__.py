"""The rules, without I/O: the life of a queued message, when to try again, how its content is sealed."""
