"""What a good decision leaves: the opened blob, sealed to whoever asked; and the permit that opens it."""
