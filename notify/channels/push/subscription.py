"""Where a browser listens, as its Push API tells it."""

import base64
import binascii
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whoever has it can make the browser show something: it is personal, and goes nowhere but to the push service."""

    endpoint: str
    p256dh: str  # the browser's public key, an uncompressed point of P-256 in base64url
    auth: str  # 16 bytes in base64url

    def __post_init__(self) -> None:
        """Raises ValueError where the keys are none."""
        point, secret = _bytes(self.p256dh), _bytes(self.auth)
        if len(point) != 65 or point[0] != 4 or len(secret) != 16:
            raise ValueError("the keys of the subscription are not those of a browser")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text[:200] + "=" * (-len(text[:200]) % 4))
    except (binascii.Error, ValueError):
        return b""
