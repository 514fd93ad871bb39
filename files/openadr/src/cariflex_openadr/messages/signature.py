"""XML signatures of OpenADR 2.0b (XMLDSIG, detached, with ReplayProtect), on EC P-256 and RSA with SHA-256.

Made by hand: replies are written in canonical form, so that a signature costs three digests and one use of a
key that is parsed once. Verified by signxml, because what strangers send is no place for code of our own.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature as InvalidKeySignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree
from lxml.etree import LxmlError
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from cariflex_openadr.messages.document import DS, OADR, Element
from cariflex_openadr.messages.times import format_moment, parse_moment
from cariflex_openadr.security.authority import Credentials

DSP = "{http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties}"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_EC = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
# In scope where the signature stands; a canonical part repeats them on its outermost element.
_SCOPE = ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07"'
_COORDINATE_BYTES = 32

CONFIG = SignatureConfiguration(
    require_x509=True,
    expect_references=2,
    signature_methods=frozenset({SignatureMethod.ECDSA_SHA256, SignatureMethod.RSA_SHA256}),
    digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
)


class SignatureError(PermissionError):
    """A signature does not hold. The sender is not told why; the log is."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds: when it was made, and its nonce."""

    signed_at: datetime
    nonce: str


def sign(signed_object: str, credentials: Credentials, now: datetime, nonce: str) -> str:
    """ds:Signature for an oadrSignedObject in canonical form."""
    elliptic = isinstance(credentials.key, ec.EllipticCurvePrivateKey)
    properties = _properties("", now, nonce)
    digests = (_digest(signed_object), _digest(_properties(_SCOPE, now, nonce)))
    value = _sign_bytes(credentials, _signed_info(_SCOPE, elliptic, *digests).encode())
    certificate = base64.b64encode(credentials.certificate.public_bytes(serialization.Encoding.DER)).decode()
    return (
        f"<ds:Signature{_SCOPE}>{_signed_info('', elliptic, *digests)}"
        f"<ds:SignatureValue>{base64.b64encode(value).decode()}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
        f"</ds:KeyInfo>{properties}</ds:Signature>"
    )


def _digest(canonical: str) -> str:
    return base64.b64encode(hashlib.sha256(canonical.encode()).digest()).decode()


def _signed_info(scope: str, elliptic: bool, of_object: str, of_properties: str) -> str:
    references = "".join(
        f'<ds:Reference URI="#{uri}"><ds:Transforms><ds:Transform Algorithm="{C14N}"></ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
        for uri, digest in (("oadrSignedObject", of_object), ("prop", of_properties))
    )
    return (
        f'<ds:SignedInfo{scope}><ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{_EC if elliptic else _RSA}"></ds:SignatureMethod>'
        f"{references}</ds:SignedInfo>"
    )


def _properties(scope: str, now: datetime, nonce: str) -> str:
    return (
        f'<ds:Object{scope} Id="prop"><ds:SignatureProperties>'
        '<ds:SignatureProperty Id="replayProtect" Target="#oadrSignedObject">'
        '<dsp:ReplayProtect xmlns:dsp="http://openadr.org/oadr-2.0b/2012/07/xmldsig-properties">'
        f"<dsp:timestamp>{format_moment(now)}</dsp:timestamp><dsp:nonce>{nonce}</dsp:nonce>"
        "</dsp:ReplayProtect></ds:SignatureProperty></ds:SignatureProperties></ds:Object>"
    )


def _sign_bytes(credentials: Credentials, content: bytes) -> bytes:
    key = credentials.key
    if isinstance(key, ec.EllipticCurvePrivateKey):
        # XMLDSIG wants r and s side by side, not DER.
        r, s = decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)
    return key.sign(content, padding.PKCS1v15(), hashes.SHA256())


def signature_of(payload: Element) -> Element | None:
    """ds:Signature of an oadrPayload, None when it is unsigned."""
    return payload.find(f"{DS}Signature")


def certificate_of(signature: Element) -> bytes:
    """The signer's certificate in DER. Raises SignatureError."""
    found = signature.findall(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
    if len(found) != 1:
        raise SignatureError(f"signature: {len(found)} certificates; expected one")
    try:
        return base64.b64decode("".join((found[0].text or "").split()), validate=True)
    except ValueError as error:
        raise SignatureError("signature: certificate is not base64") from error


def verify(payload: Element, certificate: x509.Certificate) -> Signed:
    """Check that ``certificate`` signed the payload's object and ReplayProtect. Raises SignatureError."""
    try:
        results = XMLVerifier().verify(
            payload, x509_cert=certificate, expect_config=CONFIG, validate_schema=False
        )
    except (SignXMLException, InvalidKeySignature, LxmlError, ValueError, TypeError, AttributeError) as error:
        raise SignatureError(f"signature: {type(error).__name__}: {error}") from error
    found = results if isinstance(results, list) else [results]
    parts = {result.signed_xml.tag: result.signed_xml for result in found if result.signed_xml is not None}
    signed, protected = parts.get(f"{OADR}oadrSignedObject"), parts.get(f"{DS}Object")
    if signed is None or protected is None:
        raise SignatureError(
            f"signature: covers {sorted(map(str, parts))}; expected object and ReplayProtect"
        )
    # What is acted on must be what was signed: the same bytes, wherever the reference pointed to.
    if _canonical(signed) != _canonical(payload.find(f"{OADR}oadrSignedObject")):
        raise SignatureError("signature: covers another oadrSignedObject than the payload's")
    nonce = (protected.findtext(f".//{DSP}nonce") or "").strip()
    if not nonce or len(nonce) > 256:
        raise SignatureError("signature: no nonce in ReplayProtect; expected one")
    try:
        signed_at = parse_moment(protected.findtext(f".//{DSP}timestamp"))
    except ValueError as error:
        raise SignatureError(f"signature: ReplayProtect: {error}") from error
    return Signed(signed_at, nonce)


def _canonical(element: Element) -> bytes:
    return bytes(etree.tostring(element, method="c14n"))
