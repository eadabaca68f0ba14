"""Keys, their certificates, and their states."""
