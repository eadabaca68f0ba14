"""The sandbox, the tutorial, the examples."""
