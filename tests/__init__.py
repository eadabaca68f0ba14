"""Tests by kind; `support` holds what they share, by noun."""
