"""Integrators that an operator's order registered: the names that phones show, and the keys that sign asks."""
