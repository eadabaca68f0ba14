"""Keys, their certificates, and their states; ``chain`` checks what the AC issued."""
