"""Signatures of messages: whose they are, whether they are fresh, and our own."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509

from cariflex_openadr.messages import signature
from cariflex_openadr.messages.document import Element
from cariflex_openadr.messages.signature import SignatureError
from cariflex_openadr.runtime import new_id
from cariflex_openadr.security.authority import Credentials, fingerprint
from cariflex_service.runtime import Clock

__all__ = ["SignatureError", "Signatures"]

# (fingerprint, nonce, signed at) -> True when it was not seen before.
TakeNonce = Callable[[str, str, datetime], Awaitable[bool]]


class Signatures:
    """Verifies and makes signatures. Only certificates that ``is_known`` are looked at."""

    def __init__(
        self,
        own: Credentials | None,
        is_known: Callable[[str], bool],
        take_nonce: TakeNonce,
        window: timedelta,
        clock: Clock,
    ) -> None:
        self._own, self._is_known, self._take_nonce = own, is_known, take_nonce
        self._window, self._clock = window, clock

    async def verify(self, payload: Element) -> str:
        """Fingerprint of the signer's certificate, empty for an unsigned payload. Raises SignatureError."""
        element = signature.signature_of(payload)
        if element is None:
            return ""
        der = signature.certificate_of(element)
        signer = fingerprint(der)
        if not self._is_known(signer):
            raise SignatureError(f"signature: certificate {signer} is no VEN's")
        now, certificate = self._clock(), _certificate(der)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise SignatureError(f"signature: certificate {signer} is not valid at {now.isoformat()}")
        signed = signature.verify(payload, certificate)
        if abs(now - signed.signed_at) > self._window:
            raise SignatureError(
                f"signature: made at {signed.signed_at.isoformat()}; expected {self._window} around now"
            )
        if not await self._take_nonce(signer, signed.nonce, signed.signed_at):
            raise SignatureError(f"signature: nonce {signed.nonce!r} was used before")
        return signer

    def sign(self, signed_object: str) -> str:
        """ds:Signature of a reply; empty without a key."""
        if self._own is None:
            return ""
        return signature.sign(signed_object, self._own, self._clock(), new_id())

    @staticmethod
    def fingerprint_of_der(der: bytes) -> str:
        """SHA-256 of a certificate."""
        return fingerprint(der)


@lru_cache(maxsize=4096)
def _certificate(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise SignatureError("signature: certificate cannot be read") from error
