"""One self-signed certificate and its key: made once, and again when its names change or its end is near.

Browsers accept at most 825 days; a new one comes RENEWAL before the end. The key stays while it can be read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=820)
RENEWAL = timedelta(days=30)
PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Pair:
    """A key and its certificate, PEM texts; ``reason`` says why they were made anew, if they were."""

    key: str
    certificate: str
    reason: str = ""


def ensure_pair(key_path: Path, certificate_path: Path, names: Sequence[str], now: datetime) -> Pair:
    """Return the pair found at the paths if it will do for ``names`` (hosts and addresses), else a new one.

    ``now`` is aware. Reads only; ValueError names a path that cannot be read.
    """
    key_text, certificate_text = _read(key_path), _read(certificate_path)
    key, reason = _load_key(key_text)
    if not reason:
        reason = _shortcoming(certificate_text, key, names, now)
    if not reason:
        return Pair(key_text, certificate_text)
    if key_text == "" or reason.startswith("key"):
        encryption = serialization.NoEncryption()
        key_text = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption).decode()
    return Pair(key_text, _sign(key, names, now), reason)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}; expected a PEM file, move it away and run again") from error


def _load_key(text: str) -> tuple[ec.EllipticCurvePrivateKey, str]:
    """Return the key, and why it is a new one."""
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None) if text else None
    except (ValueError, TypeError):
        key = None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key, ""
    return ec.generate_private_key(ec.SECP256R1()), "key is not a P-256 key" if text else "key is missing"


def _shortcoming(text: str, key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> str:
    if not text:
        return "certificate is missing"
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return "certificate cannot be read"
    if certificate.public_key() != key.public_key():
        return "certificate is of another key"
    listed = [str(name.value) for name in found]
    if sorted(listed) != sorted(names):
        return f"certificate names {', '.join(listed)}"
    end = _end(certificate)
    return f"certificate ends {end:%Y-%m-%d}" if end - now < RENEWAL else ""


def _end(certificate: x509.Certificate) -> datetime:
    # Debian 12 and Ubuntu 24.04 have a library that knows only the naive name.
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=UTC)


def _sign(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(PEM).decode()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def utc_now() -> datetime:
    """Return the current time, aware."""
    return datetime.now(UTC)
