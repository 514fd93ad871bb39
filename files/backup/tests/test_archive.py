"""What is packed comes back, and damage of any kind is told."""

import shutil
import subprocess

import pytest

from cariflex_backup import archive
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Database, Manifest, describe

needs_age = pytest.mark.container


def _manifest(content):
    paths = sorted(str(path.relative_to(content)) for path in content.rglob("*") if path.is_file())
    return Manifest(
        environment="dev",
        taken="2026-11-23T02:15:00+00:00",
        release="1.0",
        versions={"postgres": "17.6"},
        databases=[Database("flexmeasures", "flexmeasures", "abc", {"public.sensor": 37})],
        members=[describe(content, path) for path in paths],
        images={},
    )


@pytest.fixture
def content(tmp_path):
    folder = tmp_path / "content"
    (folder / "databases").mkdir(parents=True)
    (folder / "databases/flexmeasures.dump").write_bytes(bytes(range(256)) * 4000)
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture
def packed(content, tmp_path):
    target = tmp_path / "archive"
    archive.pack(content, _manifest(content), target)
    return target


def test_verify__intact__returns_the_manifest_and_the_files(packed, content, tmp_path):
    manifest = archive.verify(packed, extract_to=tmp_path / "out")

    assert manifest.databases[0].rows == {"public.sensor": 37}
    assert [member.path for member in manifest.members] == ["databases/flexmeasures.dump", "empty"]
    for member in manifest.members:
        assert (tmp_path / "out" / member.path).read_bytes() == (content / member.path).read_bytes()


def test_pack__file_mode__nobody_else_may_read(packed):
    assert packed.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", [1, 20, 2000])
def test_verify__truncated__is_told(packed, cut):
    packed.write_bytes(packed.read_bytes()[:-cut])

    with pytest.raises(BackupError, match=r"damaged|incomplete"):
        archive.verify(packed)


def test_verify__a_flipped_byte__is_told(packed):
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 0xFF
    packed.write_bytes(data)

    with pytest.raises(BackupError, match="damaged"):
        archive.verify(packed)


def test_verify__another_content_under_the_manifest__is_told(content, tmp_path):
    manifest = _manifest(content)
    (content / "empty").write_bytes(b"changed after the manifest")
    archive.pack(content, manifest, tmp_path / "archive")

    with pytest.raises(BackupError, match=r"empty has 26 bytes .* expected 0"):
        archive.verify(tmp_path / "archive")


def test_verify__member_that_leads_outside__is_refused(content, tmp_path):
    (tmp_path / "evil").write_bytes(b"x")
    manifest = _manifest(content)
    outside = describe(content, "../evil")
    archive.pack(content, Manifest(**{**vars(manifest), "members": [outside]}), tmp_path / "archive")

    with pytest.raises(BackupError, match="leads outside"):
        archive.verify(tmp_path / "archive", extract_to=tmp_path / "out")


def test_is_encrypted__neither_gzip_nor_age__is_refused(tmp_path):
    (tmp_path / "note").write_text("hello")

    with pytest.raises(BackupError, match="neither gzip nor age"):
        archive.is_encrypted(tmp_path / "note")


@pytest.fixture
def recipient():
    assert shutil.which("age"), "no age: apt-get install age"
    keys = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    return keys.splitlines()[1].split()[-1], keys.encode()


@needs_age
def test_encrypt__then_verify__with_the_one_time_and_the_recipients_identity(packed, recipient, tmp_path):
    public, identity = recipient
    target = tmp_path / "archive.age"

    one_time = archive.encrypt(packed, public, target)

    assert archive.is_encrypted(target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert archive.verify(target, one_time) == archive.verify(target, identity) == archive.verify(packed)
    assert b"flexmeasures" not in target.read_bytes()


@needs_age
def test_opened__wrong_or_no_identity__says_what_is_expected(packed, recipient, tmp_path):
    archive.encrypt(packed, recipient[0], tmp_path / "archive.age")
    other = subprocess.run(["age-keygen"], capture_output=True, check=True).stdout

    with pytest.raises(BackupError, match="no identity was given"):
        archive.verify(tmp_path / "archive.age")
    with pytest.raises(BackupError, match="no identity matched"):
        archive.verify(tmp_path / "archive.age", other)
