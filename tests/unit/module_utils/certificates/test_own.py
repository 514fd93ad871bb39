"""A certificate of our own: made once, kept, and made again when it no longer does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import own_certificate
import pytest
from ansible.module_utils.cariflex.certificates.own import LIFETIME, Pair, ensure_pair
from ansible.module_utils.testing import patch_module_args
from cryptography import x509

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES = ["localhost", "grafana.localhost", "127.0.0.1"]


def written(directory: Path, names: list[str] = NAMES, now: datetime = NOW) -> Pair:
    """The pair for ``names`` at ``now``, written as the module does."""
    pair = ensure_pair(directory / "own.key", directory / "own.crt", names, now)
    (directory / "own.key").write_text(pair.key, encoding="utf-8")
    (directory / "own.crt").write_text(pair.certificate, encoding="utf-8")
    return pair


def test__ensure_pair__is_made_once(tmp_path: Path):
    made = written(tmp_path)
    assert made.reason == "key is missing"
    assert written(tmp_path) == Pair(made.key, made.certificate)

    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == NAMES[:2]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == NAMES[2:]
    # Ours is its own authority: clients that are given it verify by it.
    certificate.verify_directly_issued_by(certificate)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test__ensure_pair__new_names_keep_the_key(tmp_path: Path):
    made = written(tmp_path)
    again = written(tmp_path, [*NAMES, "x.localhost"])
    assert again.reason == "certificate names localhost, grafana.localhost, 127.0.0.1"
    assert (again.key, again.certificate != made.certificate) == (made.key, True)


def test__ensure_pair__is_renewed_before_its_end(tmp_path: Path):
    made = written(tmp_path)
    assert written(tmp_path, now=NOW + LIFETIME - timedelta(days=31)).certificate == made.certificate
    assert written(tmp_path, now=NOW + LIFETIME - timedelta(days=29)).reason.startswith("certificate ends 20")


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("own.key", "nonsense", "key is not a P-256 key"),
        ("own.crt", "nonsense", "certificate cannot be read"),
        ("own.crt", "", "certificate is missing"),
    ],
)
def test__ensure_pair__replaces_what_is_no_use(tmp_path: Path, file: str, text: str, reason: str):
    written(tmp_path)
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert written(tmp_path).reason == reason
    assert written(tmp_path).reason == ""


def test__ensure_pair__refuses_the_certificate_of_another_key(tmp_path: Path):
    written(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "own.key").write_text(written(other).key, encoding="utf-8")
    assert written(tmp_path).reason == "certificate is of another key"


def run(capsys: pytest.CaptureFixture[str], directory: Path, *, check: bool = False) -> dict[str, Any]:
    """What the module answers."""
    paths = {"key": str(directory / "own.key"), "certificate": str(directory / "own.crt")}
    arguments = {**paths, "names": NAMES, "_ansible_check_mode": check}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        own_certificate.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test__module__check_mode_needs_no_directory_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    answer = run(capsys, tmp_path / "never-made", check=True)
    assert answer["changed"]
    assert [entry["before"] for entry in answer["diff"]] == ["key is missing\n"] * 2
    assert list(tmp_path.iterdir()) == []


def test__module__second_run_is_unchanged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.chown", lambda *_: None)
    first = run(capsys, tmp_path)
    assert first["changed"]
    assert "PRIVATE KEY" not in json.dumps(first)
    assert (tmp_path / "own.key").stat().st_mode & 0o777 == 0o440
    certificate = (tmp_path / "own.crt").read_bytes()
    assert run(capsys, tmp_path)["reason"] == ""
    assert (tmp_path / "own.crt").read_bytes() == certificate
