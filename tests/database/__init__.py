"""The database as the last line: every query as the role that runs it, and no grant that no query needs."""
