"""How ``explain`` proves to the running process that it may ask: by a seal that only the gateway's private key gives.

The seal is of one question and a time, so nothing that could be used again for another question goes over the wire.
"""

import hashlib
import hmac

HEADER = "X-Vgateway-Seal"
FRESH_SECONDS = 60.0


def seal(secret: bytes, target: str) -> str:
    """Return the seal of a request's raw path and query."""
    return hmac.new(secret, b"vgateway explain\n" + target.encode(), hashlib.sha256).hexdigest()


def is_sealed(secret: bytes, target: str, given: str, at: str, now: float) -> bool:
    """Say whether the seal is that of the target, and its time (seconds of the epoch) is about now."""
    fresh = at.isascii() and at.isdecimal() and abs(now - int(at)) <= FRESH_SECONDS
    return hmac.compare_digest(seal(secret, target), given) and fresh
