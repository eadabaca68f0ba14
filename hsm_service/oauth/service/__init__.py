"""The stories: registering clients, giving tokens, the authorize page, knowing a caller."""
