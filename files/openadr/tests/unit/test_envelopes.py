"""The VEN's signed messages: the VTN's checks let them in, and what the VTN did not sign is not believed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cariflex_openadr.messages import replies, signature
from cariflex_openadr.messages.document import MessageError, message_of, parse, read_document
from cariflex_openadr.security.authority import Authority, Credentials, openadr_fingerprint
from cariflex_openadr.security.envelopes import SignedEnvelope, client_tls, envelope_of
from cariflex_openadr.security.signatures import SignatureError, Signatures
from cariflex_openadr.settings.ven import SigningSettings, TlsSettings
from cariflex_service.reading import SettingsError
from support import VEN_ID, TurnableClock


class Bench:
    """Both ends with certificates of one authority, and a clock."""

    def __init__(self, directory: Path, key_type: str = "ec") -> None:
        self.clock = TurnableClock(datetime.fromisoformat("2026-11-23T16:00:00Z"))
        authority = Authority.open(directory, "CARIFLEX_VTN", ["localhost"], key_type)
        self.vtn, self.own = authority.vtn, authority.issue(VEN_ID, key_type)
        fingerprints = frozenset({openadr_fingerprint(self.vtn.fingerprint)})
        self.envelope = SignedEnvelope(self.own, fingerprints, self.clock)
        self.clock.now = self.vtn.certificate.not_valid_before_utc + timedelta(hours=2)

    def signatures(self) -> Signatures:
        """The VTN's end."""

        async def fresh(_signer: str, _nonce: str, _at: datetime) -> bool:
            return True

        def is_ours(fingerprint: str) -> bool:
            return fingerprint == self.own.fingerprint

        return Signatures(self.vtn, is_ours, fresh, timedelta(minutes=5), self.clock)

    def reply(self, credentials: Credentials | None = None, nonce: str = "n-1") -> str:
        """A signed oadrResponse of the VTN's, by other ``credentials`` where given."""
        signed = replies.response(VEN_ID, "req-1")
        made = signature.sign(signed, credentials or self.vtn, self.clock(), nonce)
        return replies.payload(signed, made)


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_seal__verified_by_the_vtns_end__and_text_unharmed(tmp_path: Path, key_type: str) -> None:
    bench = Bench(tmp_path, key_type)
    head = {"response_code": 200, "response_description": "OK", "request_id": "r"}
    content = bench.envelope.seal("oadrResponse", {"ven_id": VEN_ID, "response": head})
    payload = parse(content)
    assert await bench.signatures().verify(payload) == bench.own.fingerprint
    assert message_of(payload).tag.endswith("oadrResponse")


async def test_seal__changed_on_the_way__refused_by_the_vtns_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    content = bench.envelope.seal("oadrPoll", {"ven_id": VEN_ID})
    changed = content.replace(VEN_ID.encode(), b"another-ven")
    assert changed != content
    with pytest.raises(SignatureError):
        await bench.signatures().verify(parse(changed))


async def test_check__the_vtns_answer__believed_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    document = bench.reply().encode()
    await bench.envelope.check(read_document(document))
    with pytest.raises(SignatureError, match="used before"):
        await bench.envelope.check(read_document(document))
    await bench.envelope.check(read_document(bench.reply(nonce="n-2").encode()))


async def test_check__old_answer__refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    document = bench.reply().encode()
    bench.clock.forward(minutes=6)
    with pytest.raises(SignatureError, match="expected 0:05:00 around now"):
        await bench.envelope.check(read_document(document))


async def test_check__signed_by_another_ven_of_the_same_authority__refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(SignatureError):
        await bench.envelope.check(read_document(bench.reply(bench.own).encode()))


async def test_check__unsigned__refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    unsigned = replies.payload(replies.response(VEN_ID, "req-1")).encode()
    with pytest.raises(SignatureError, match="expected the VTN's"):
        await bench.envelope.check(read_document(unsigned))


@pytest.mark.parametrize("namespace", ["http://openadr.org/oadr-2.0b/2012/07", "http://elsewhere"])
def test_read_document__second_object_beside_the_signed_one__refused(tmp_path: Path, namespace: str) -> None:
    """Signature wrapping: what is acted on must be the object that was signed, not one put before it."""
    text = Bench(tmp_path).reply()
    forged = f'<x:oadrSignedObject xmlns:x="{namespace}"><x:oadrPoll/></x:oadrSignedObject>'
    wrapped = text.replace("<ds:Signature ", forged + "<ds:Signature ", 1)
    assert wrapped != text
    with pytest.raises(MessageError, match="one signed object"):
        read_document(wrapped.encode())


def test_envelope_of__files_that_do_not_fit__named(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    fingerprints = frozenset({openadr_fingerprint(bench.vtn.fingerprint)})
    pem, key, other = tmp_path / "own.pem", tmp_path / "own.key", tmp_path / "vtn.key"
    pem.write_text(bench.own.certificate_pem)
    key.write_text(bench.own.key_pem)
    assert envelope_of(None).signs is False
    assert envelope_of(SigningSettings(pem, key, fingerprints)).signs is True
    with pytest.raises(SettingsError, match="is not the key of"):
        envelope_of(SigningSettings(pem, other, fingerprints))
    with pytest.raises(SettingsError, match="absent"):
        envelope_of(SigningSettings(pem, tmp_path / "absent", fingerprints))
    with pytest.raises(SettingsError, match=r"tls: .*expected ca_file"):
        client_tls(TlsSettings(pem, pem, other))
    assert client_tls(None) is None
