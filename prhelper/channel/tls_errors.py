"""What OpenSSL's errors mean, for people who read logs."""

import ssl


def explain(error: ssl.SSLError) -> str:
    """A sentence's worth of what went wrong, and on which side."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the peer's certificate is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, ssl.SSLEOFError):
        return "the stream was cut off: the peer went without close_notify"
    reason = error.reason or str(error)
    _, alert, name = reason.partition("_ALERT_")
    words = (name if alert else reason).lower().replace("_", " ")
    return f"the peer refuses it, with the alert {words!r}" if alert else words
