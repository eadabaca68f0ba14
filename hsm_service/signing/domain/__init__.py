"""Pure: states, rules, algorithms, secrets. No I/O; time and randomness are arguments."""
