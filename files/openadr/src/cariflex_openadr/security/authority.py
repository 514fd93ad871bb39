"""The VTN's own certificate authority: for the VTN's door and signatures, and for VENs.

Several processes may share the directory: what is missing is made under a lock.
"""

import fcntl
import hashlib
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KEY_TYPES = ("ec", "rsa")
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=730)
# A certificate with less life left than this is made anew at start.
RENEW_BEFORE = timedelta(days=60)
# Clocks of VENs may be behind.
BACKDATED = timedelta(hours=1)


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate in lower-case hex."""
    return hashlib.sha256(der).hexdigest()


def openadr_fingerprint(full: str) -> str:
    """The short form OpenADR uses: the last ten bytes, as in ``AB:CD:…``."""
    return ":".join(full[i : i + 2].upper() for i in range(44, 64, 2))


def new_key(key_type: str) -> PrivateKey:
    """A key on P-256 (``ec``) or RSA with 2048 bits (``rsa``)."""
    if key_type == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if key_type == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    raise ValueError(f"key type: {key_type!r}; expected one of {', '.join(KEY_TYPES)}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate with its key; both are parsed once."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate."""
        return fingerprint(self.certificate.public_bytes(serialization.Encoding.DER))

    @property
    def key_pem(self) -> str:
        """The key, unencrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def certificate_pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True, slots=True)
class Authority:
    """Authority and VTN certificate in one directory (ca.key, ca.pem, vtn.key, vtn.pem)."""

    directory: Path
    ca: Credentials
    vtn: Credentials

    @classmethod
    def open(cls, directory: Path, vtn_id: str, names: Sequence[str], key_type: str) -> "Authority":
        """Load the directory's content, and make what is missing, near its end or for other names."""
        with _locked(directory):
            now = datetime.now(UTC)
            ca = _load(directory, "ca") or _store(directory, "ca", _make_ca(vtn_id, now))
            vtn = _load(directory, "vtn")
            if vtn is None or not _still_good(vtn, ca, names, key_type, now):
                vtn = _store(directory, "vtn", _issue(ca, vtn_id, names, key_type, now, server=True))
        return cls(directory, ca, vtn)

    def issue(self, ven_id: str, key_type: str) -> Credentials:
        """A new certificate for a VEN. The key is kept nowhere here."""
        return _issue(self.ca, ven_id, (), key_type, datetime.now(UTC), server=False)

    def tls(self) -> ssl.SSLContext:
        """The VTN's end of mutual TLS: only clients with a certificate of this authority get in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.directory / "ca.pem")
        context.load_cert_chain(self.directory / "vtn.pem", self.directory / "vtn.key")
        return context


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load(directory: Path, name: str) -> Credentials | None:
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    if not certificate.is_file() or not key.is_file():
        return None
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"{key}: {type(loaded).__name__}; expected an EC or RSA key")
    return Credentials(loaded, x509.load_pem_x509_certificate(certificate.read_bytes()))


def _store(directory: Path, name: str, made: Credentials) -> Credentials:
    # The key first: a certificate without its key would count as missing and be made again.
    for path, text, mode in (
        (directory / f"{name}.key", made.key_pem, 0o600),
        (directory / f"{name}.pem", made.certificate_pem, 0o644),
    ):
        beside = path.with_suffix(path.suffix + ".new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    return made


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _still_good(
    vtn: Credentials, ca: Credentials, names: Sequence[str], key_type: str, now: datetime
) -> bool:
    try:
        vtn.certificate.verify_directly_issued_by(ca.certificate)
        extension = vtn.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    same_type = isinstance(vtn.key, ec.EllipticCurvePrivateKey) == (key_type == "ec")
    living = vtn.certificate.not_valid_after_utc - now > RENEW_BEFORE
    return same_type and living and list(extension.value) == _names(names)


def _builder(
    common_name: str, issuer: x509.Name | None, key: PrivateKey, now: datetime
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _make_ca(vtn_id: str, now: datetime) -> Credentials:
    key = new_key("ec")
    builder = _builder(f"{vtn_id} OpenADR authority", None, key, now).not_valid_after(now + CA_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    return Credentials(key, builder.sign(key, hashes.SHA256()))


def _issue(
    ca: Credentials, common_name: str, names: Sequence[str], key_type: str, now: datetime, *, server: bool
) -> Credentials:
    key = new_key(key_type)
    builder = _builder(common_name, ca.certificate.subject, key, now).not_valid_after(now + LEAF_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = builder.add_extension(authority_key, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
    return Credentials(key, builder.sign(ca.key, hashes.SHA256()))
