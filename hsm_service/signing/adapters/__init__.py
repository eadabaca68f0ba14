"""The outside of signing: the SAM over its private channel, and PostgreSQL's notifications."""
