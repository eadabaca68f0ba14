"""The AC's way to its HSM slot."""
