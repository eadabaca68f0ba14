"""One module per command of `linkid`: `arguments(parser)` says what may be given, `run(settings, given)` does it."""
