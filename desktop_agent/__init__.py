"""The program on the user's computer. A distribution of its own (`linkid-desktop`): it imports nothing of the server."""
