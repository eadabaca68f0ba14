"""Pure: clients, grants, PKCE. No I/O; time and randomness are arguments."""
