"""Tests of `pairing`, by floor: domain (pure), database, http (assembled), adapters."""
