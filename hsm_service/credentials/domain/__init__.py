"""Pure: certificates, credentials and holders. No I/O; time is an argument."""
