"""Tests of `push`, by floor: domain, database, live channel, adapters against fakes."""
