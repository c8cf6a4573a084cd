"""What OpenSSL's errors mean, for people who read logs."""

import re
import ssl

_AROUND_THE_WORDS = re.compile(r"^\[.*?\] | \(_ssl\.c:\d+\)$")


def explain(error: ssl.SSLError) -> str:
    """A sentence's worth of what went wrong, and on which side."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":  # as Python 3.11.2 has it
        return "the stream was cut off: the peer went without close_notify"
    words = _AROUND_THE_WORDS.sub("", str(error))
    _, alert, name = words.partition(" alert ")
    return f"the peer refuses it, with the alert {name!r}" if alert else words
