"""The VEN's messages, sealed and opened: with XML signatures, or plain."""

import ssl
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from openleadr.messaging import create_message

from cariflex_openadr.messages import replies, signature
from cariflex_openadr.messages.document import OADR, Element
from cariflex_openadr.messages.signature import SignatureError
from cariflex_openadr.runtime import new_id
from cariflex_openadr.security.authority import Credentials, openadr_fingerprint
from cariflex_openadr.security.signatures import Signatures
from cariflex_openadr.settings.ven import SigningSettings, TlsSettings
from cariflex_service.reading import SettingsError
from cariflex_service.runtime import Clock, utc_now

WINDOW = timedelta(minutes=5)


class Envelope(Protocol):
    """How messages are sealed on their way out and checked on their way in."""

    @property
    def signs(self) -> bool:
        """True when messages carry signatures."""

    def seal(self, message_type: str, payload: dict[str, Any]) -> bytes:
        """The message as it goes on the wire."""

    async def check(self, document: Element) -> None:
        """Raises SignatureError unless the document may be believed."""


class PlainEnvelope:
    """Messages without signature."""

    signs = False

    def seal(self, message_type: str, payload: dict[str, Any]) -> bytes:
        """Render by openleadr's template."""
        return str(create_message(message_type, **payload)).encode()

    async def check(self, _: Element) -> None:
        """Nothing to check."""


class SignedEnvelope:
    """Messages signed with the VEN's key; answers must be signed by a certificate of the VTN's.

    ``vtn_fingerprints`` are in OpenADR's short form. An answer is believed once: its nonce is remembered
    for as long as its time would be taken.
    """

    signs = True

    def __init__(self, own: Credentials, vtn_fingerprints: frozenset[str], clock: Clock = utc_now) -> None:
        self._own, self._vtn_fingerprints, self._clock = own, vtn_fingerprints, clock
        self._nonces: dict[tuple[str, str], datetime] = {}
        self._signatures = Signatures(own, self._is_the_vtns, self._take_nonce, WINDOW, clock)

    def seal(self, message_type: str, payload: dict[str, Any]) -> bytes:
        """Render by openleadr's template, then sign its canonical form."""
        rendered = etree.fromstring(create_message(message_type, **payload).encode())
        signed_object = etree.tostring(rendered.find(f"{OADR}oadrSignedObject"), encoding="unicode")
        # The canonical form depends on where the object stands: in the document that is sent.
        document = etree.fromstring(replies.payload(signed_object).encode())
        canonical = etree.tostring(document.find(f"{OADR}oadrSignedObject"), method="c14n").decode()
        made = signature.sign(canonical, self._own, self._clock(), new_id())
        return replies.payload(canonical, made).encode()

    async def check(self, document: Element) -> None:
        """Raises SignatureError unless the VTN signed it, just now, and never before."""
        if not await self._signatures.verify(document):
            raise SignatureError("signature: none; expected the VTN's")

    def _is_the_vtns(self, fingerprint: str) -> bool:
        return openadr_fingerprint(fingerprint) in self._vtn_fingerprints

    async def _take_nonce(self, signer: str, nonce: str, signed_at: datetime) -> bool:
        oldest = self._clock() - 2 * WINDOW
        self._nonces = {key: at for key, at in self._nonces.items() if at >= oldest}
        if (signer, nonce) in self._nonces:
            return False
        self._nonces[signer, nonce] = signed_at
        return True


def envelope_of(settings: SigningSettings | None, clock: Clock = utc_now) -> Envelope:
    """The envelope that the configuration asks for. Raises SettingsError."""
    if settings is None:
        return PlainEnvelope()
    own = _credentials(settings)
    return SignedEnvelope(own, settings.vtn_fingerprints, clock)


def _credentials(settings: SigningSettings) -> Credentials:
    try:
        key = serialization.load_pem_private_key(settings.key_file.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(settings.certificate_file.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"signing: {error}; expected a certificate and its key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise SettingsError(f"signing: {settings.key_file}: {type(key).__name__}; expected EC or RSA")
    if key.public_key() != certificate.public_key():
        raise SettingsError(f"signing: {settings.key_file} is not the key of {settings.certificate_file}")
    return Credentials(key, certificate)


def client_tls(settings: TlsSettings | None) -> ssl.SSLContext | None:
    """The VEN's end of mutual TLS: the VTN must be vouched for by ``ca_file``; None without TLS settings."""
    if settings is None:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"tls: {error}; expected ca_file, certificate_file, key_file in PEM") from error
    return context
