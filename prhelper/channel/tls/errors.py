"""OpenSSL's errors in words for a log."""

import re
import ssl

_AFFIXES = re.compile(r"^\[.*?\] | \(_ssl\.c:\d+\)$")


def explain(error: ssl.SSLError) -> str:
    """What went wrong, and on which side, in a phrase."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":  # as Python 3.11.2 has it
        return "the stream was truncated: the peer left without close_notify"
    words = _AFFIXES.sub("", str(error))
    _, alert, name = words.partition(" alert ")
    return f"the peer sent the alert {name!r}" if alert else words
