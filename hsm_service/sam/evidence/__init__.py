"""What a holder may keep of a decision of theirs, put together and signed by the root."""
