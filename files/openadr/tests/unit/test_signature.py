"""Signatures of messages: what was signed is what is acted on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cariflex_openadr.messages import replies, signature
from cariflex_openadr.messages.document import parse
from cariflex_openadr.messages.signature import SignatureError
from cariflex_openadr.security.authority import Authority, Credentials

DS = "http://www.w3.org/2000/09/xmldsig#"
SIGNED_AT = datetime(2026, 11, 23, 16, tzinfo=UTC)


@pytest.fixture(params=["ec", "rsa"])
def credentials(tmp_path: Path, request: pytest.FixtureRequest) -> Credentials:
    """A VTN's key and certificate."""
    return Authority.open(tmp_path, "V", ("localhost",), request.param).vtn


def test_sign__then_verify__time_and_nonce(credentials: Credentials) -> None:
    made = replies.response("site-1", "request")
    document = replies.payload(made, signature.sign(made, credentials, SIGNED_AT, "n-1"))
    found = signature.verify(parse(document.encode()), credentials.certificate)
    assert (found.signed_at, found.nonce) == (SIGNED_AT, "n-1")


@pytest.mark.parametrize(("old", "new"), [("site-1", "site-2"), ("n-1", "n-2"), ("16:00", "17:00")])
def test_verify__changed_after_signing__refused(credentials: Credentials, old: str, new: str) -> None:
    made = replies.response("site-1", "request")
    document = replies.payload(made, signature.sign(made, credentials, SIGNED_AT, "n-1"))
    with pytest.raises(SignatureError):
        signature.verify(parse(document.replace(old, new, 1).encode()), credentials.certificate)


def test_verify__signed_object_wrapped_in_the_signature__refused(credentials: Credentials) -> None:
    """The original, moved where its canonical form stays the same, must not vouch for a forged one."""
    made = replies.response("site-1", "request")
    sealed = signature.sign(made, credentials, SIGNED_AT, "n-1")
    head, scope = sealed[: sealed.index(">") + 1], f' xmlns="" xmlns:ds="{DS}"'
    wrapper = f'<Signature xmlns="{DS}">' + sealed.removeprefix(head).removesuffix("</ds:Signature>")
    for part in ("SignedInfo", "SignatureValue", "KeyInfo", "Object"):
        wrapper = wrapper.replace(f"<ds:{part}", f"<ds:{part}{scope}", 1)
    wrapper += f'<Object><holder xmlns="">{made}</holder></Object></Signature>'
    forged = made.replace("site-1", "site-2").replace('"oadrSignedObject"', '"another"')
    document = parse(replies.payload(forged, wrapper).encode())
    with pytest.raises(SignatureError, match="another oadrSignedObject"):
        signature.verify(document, credentials.certificate)


def test_authority__opened_again__the_same_and_renewed_for_other_names(tmp_path: Path) -> None:
    first = Authority.open(tmp_path, "V", ("localhost",), "ec")
    again = Authority.open(tmp_path, "V", ("localhost",), "ec")
    assert (again.ca.fingerprint, again.vtn.fingerprint) == (first.ca.fingerprint, first.vtn.fingerprint)
    other = Authority.open(tmp_path, "V", ("vtn.example", "192.0.2.1"), "ec")
    assert other.ca.fingerprint == first.ca.fingerprint
    assert other.vtn.fingerprint != first.vtn.fingerprint
    assert Authority.open(tmp_path, "V", ("vtn.example", "192.0.2.1"), "rsa").vtn.key_pem != other.vtn.key_pem
