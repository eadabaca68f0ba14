"""The soak: that its judge can find fault (tests/journeys/test_soak.py is a run of it)."""
