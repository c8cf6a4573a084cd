"""TLS over any channel."""
