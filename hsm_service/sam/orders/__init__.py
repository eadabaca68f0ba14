"""What an operator orders about a holder: to shut a certificate, to open it, to admit a phone. Read ``service``."""
