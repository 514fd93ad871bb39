"""Who may speak for a VEN."""

from dataclasses import dataclass

from cariflex_openadr.domain.party import VenRecord


class AccessError(PermissionError):
    """A message is not from the VEN that it names. The sender is not told why; the log is."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came with a message: fingerprints of the TLS client's and of the signer's certificate."""

    over_tls: bool = False
    peer: str = ""
    signer: str = ""

    @property
    def fingerprint(self) -> str:
        """The certificate that was shown, if any."""
        return self.peer or self.signer


def authorise(ven: VenRecord, proof: Proof, *, signature_required: bool = False) -> None:
    """Raise AccessError unless ``proof`` is the VEN's.

    A VEN with a certificate must show it, by TLS or by signature, and nothing shown may be another's. A VEN
    without one is served on plain HTTP alone, where the network is its only fence.
    """
    name = f"VEN {ven.ven_id}"
    if ven.revoked:
        raise AccessError(f"{name}: revoked")
    if not ven.fingerprint:
        if proof.over_tls or proof.signer:
            raise AccessError(f"{name}: certificate shown, but none is registered")
        return
    if not proof.fingerprint:
        raise AccessError(f"{name}: neither TLS certificate nor signature; expected {ven.fingerprint}")
    for kind, shown in (("TLS certificate", proof.peer), ("signature", proof.signer)):
        if shown and shown != ven.fingerprint:
            raise AccessError(f"{name}: {kind} {shown}; expected {ven.fingerprint}")
    if signature_required and not proof.signer:
        raise AccessError(f"{name}: no signature; expected one")
