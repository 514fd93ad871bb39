"""The release manifest, and the archive that an upgrade can go back to without the operator's key."""

import json
import subprocess

import pytest

pytestmark = pytest.mark.container


def _release(stack):
    return json.loads((stack.folder / "release.json").read_text())


def test_release__says_what_runs__once(stack):
    archive = stack.backup()

    first, second = stack.run("release"), stack.run("release")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == f"changed: {stack.folder}/release.json\n"
    assert second.stdout == ""
    written = _release(stack)
    assert written["schema"] == {"flexmeasures": "3bc1e29ca1f4"}
    assert {image["reference"] for image in written["images"].values()} == stack.image_refs()
    assert all(image["id"].startswith("sha256:") for image in written["images"].values())
    assert written["archive"] == archive.name
    assert len(list((stack.folder / "releases").iterdir())) == 1


def test_release__dry_run__writes_nothing(stack):
    done = stack.run("release", "--dry-run", release="another")

    assert done.stdout == f"changed: {stack.folder}/release.json\n"
    assert not (stack.folder / "release.json").exists()


def test_backup__after_a_release__bears_its_name_whatever_program_makes_it(stack):
    stack.run("release", release="v1")

    archive = stack.backup(release="v2")

    assert json.loads(stack.run("release", "--show", release="v2").stdout)["release"] == "v2"
    assert '"release": "v1"' in stack.run("check", str(archive)).stdout


def test_backup__kept_identity__opens_the_archive_and_no_other(stack):
    recipient = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    public = next(line.split()[-1] for line in recipient.splitlines() if "public key" in line)
    kept = stack.folder / "kept"
    before = stack.backup(age_recipient=public)

    done = stack.run("backup", "--keep-identity", str(kept), age_recipient=public)

    assert done.returncode == 0, done.stderr
    [new] = set(stack.archives()) - {before}
    assert kept.stat().st_mode & 0o777 == 0o600
    assert stack.run("check", str(new), "--identity", str(kept)).returncode == 0
    assert stack.run("check", str(before), "--identity", str(kept)).returncode == 1


def test_check__host_without_an_engine__verifies_the_archive(stack):
    archive = stack.backup()

    command = stack.command("check", str(archive))
    words = ["/usr/bin/env", "PATH=/nowhere", *command[1:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["members"] > 3


def test_backup__of_a_stack_made_by_hand__needs_none_of_its_roles(stack):
    stack.sql(
        "CREATE ROLE stranger; GRANT SELECT ON timed_belief TO stranger; ALTER TABLE sensor OWNER TO stranger"
    )
    stack.add_beliefs(50)
    versions = {"flexmeasures": "0.1"}

    archive = stack.backup(adopted_owner="flexmeasures", containers=[stack.database], known_versions=versions)
    stack.sql("REASSIGN OWNED BY stranger TO postgres; DROP OWNED BY stranger; DROP ROLE stranger")
    done = stack.run("restore", str(archive), "--confirm", "dev")

    assert done.returncode == 0, done.stderr
    subprocess.run(["docker", "start", stack.redis], check=True, capture_output=True)
    stack.await_answers()
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert stack.sql(owners) == "flexmeasures"
    assert stack.sql("SELECT count(*) FROM timed_belief") == "50"
    assert json.loads(stack.run("check", str(archive)).stdout)["versions"]["flexmeasures"] == "0.1"
