"""What tests share, one module per noun. Fixtures are handed out by tests/conftest.py."""
