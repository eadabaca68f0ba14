"""Rules; no input or output."""
