"""A holder shuts every certificate of a phone at once, and opens one again. Read ``service``."""
