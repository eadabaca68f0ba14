"""The outside world of this slice: the SAM."""
