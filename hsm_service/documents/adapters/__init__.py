"""The outside world of documents: time-stamping authorities over HTTP, and our own authority over its channel."""
