"""The command channel with programs at its other end that were made to carry streams: socat, openssl."""
