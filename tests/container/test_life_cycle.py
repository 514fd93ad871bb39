"""A machine's life as its administrator sees it: `make deploy` killed and repeated, new secrets, uninstall.

Everything runs on the machine itself, as a person who may use sudo.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.container.conftest import SUFFIX

pytestmark = [pytest.mark.container, pytest.mark.long]
MACHINE = f"cariflex-test-site{SUFFIX}"
PERSON = "anna"
HOME = f"/home/{PERSON}/cariflex"
SETTINGS = (
    "-e cariflex_image_source=registry -e images_registry_prefix=registry:5000/ "
    "-e '{\"images_registry_refs\": {}}'"
)
# uv trusts no authority of the machine's own unless it is told.
TRUST = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"
PATIENCE_S = 900


class Machine:
    """The platform of scenario site with the sources in the person's home."""

    def run(self, *words, check=True):
        """Run a command as root; give its output."""
        done = subprocess.run(
            ["docker", "exec", MACHINE, *words], capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
        return done.stdout.strip()

    def make(self, target, settings=""):
        """Run make as the person. Gives the exit code and the output."""
        person = ["docker", "exec", f"--user={PERSON}", f"--workdir={HOME}", f"--env={TRUST}", MACHINE]
        command = [*person, "make", target, f"ARGS={SETTINGS} {settings}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def deploy(self):
        """Deploy to the end. Gives the number of changes."""
        code, output = self.make("deploy")
        assert code == 0, output
        return int(re.search(r"changed=(\d+)", output)[1])

    def deploy_without_change(self):
        """Deploy to the end; what reports a change is in the failure's text."""
        code, output = self.make("deploy")
        assert code == 0, output
        assert " changed=0 " in output, output

    def start_deployment(self):
        """Deploy in a unit of its own, so that all of its processes can be killed at once."""
        unit = ["systemd-run", "--unit=deployment", "--collect", f"--uid={PERSON}", f"--setenv={TRUST}"]
        self.run(*unit, f"--working-directory={HOME}", "make", "deploy", f"ARGS={SETTINGS}")

    def await_container(self, name):
        """Wait until a container is made, as long as the deployment goes on."""
        listed = ["docker", "ps", "--all", "--format={{.Names}}"]
        while name not in self.run(*listed, check=False).splitlines():
            if self.run("systemctl", "is-active", "deployment", check=False) != "active":
                log = self.run("journalctl", "--unit=deployment", "--output=cat", "--lines=50")
                pytest.fail(f"the deployment ended before it made {name}: {log}")
            time.sleep(0.2)

    def wait(self, *words, until):
        """Wait until the command's output satisfies a condition."""
        deadline = time.monotonic() + PATIENCE_S
        while not until(output := self.run(*words, check=False)):
            assert time.monotonic() < deadline, f"{words} still says {output!r}"
            time.sleep(0.2)

    def sql(self, query):
        """Ask FlexMeasures' database."""
        return self.run(
            "docker", "exec", "flexmeasures-db", "psql", "-XqtA", "-Upostgres", "-dflexmeasures", "-c", query
        )

    def secret(self, name):
        """Read a generated secret."""
        return self.run("cat", f"{HOME}/.secrets/dev/{name}").split()[0]


@pytest.fixture(scope="module")
def machine(project_root, no_platforms):
    molecule = shutil.which("molecule", path=Path(sys.executable).parent)
    programs = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    # After a run that was killed, molecule remembers a platform that is gone.
    for action in ("reset", "create"):
        subprocess.run(
            ["env", f"PATH={programs}", molecule, action, "-s", "site"], cwd=project_root, check=True
        )
    machine = Machine()
    machine.run("apt-get", "update", "-q")
    machine.run("apt-get", "install", "-qy", "--no-install-recommends", "git", "make", "python3-venv")
    machine.run("useradd", "--create-home", "--shell=/bin/bash", PERSON)
    machine.run("bash", "-c", f"echo '{PERSON} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{PERSON}")
    machine.run("install", "-d", f"--owner={PERSON}", HOME)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=project_root, capture_output=True, check=True).stdout
    pack = ["tar", "--create", "--null", "--files-from=-"]
    archive = subprocess.run(pack, cwd=project_root, input=files, capture_output=True, check=True).stdout
    unpack = ["docker", "exec", "--interactive", f"--user={PERSON}", MACHINE, "tar", "--extract", "-C", HOME]
    subprocess.run(unpack, input=archive, check=True)
    return machine


def test_a_deployment_that_was_killed_twice_is_finished_by_the_next(machine):
    # Ansible with all it has started, while the second stack comes up.
    machine.start_deployment()
    machine.await_container("flexmeasures-db")
    machine.run("systemctl", "kill", "--signal=KILL", "deployment")
    machine.wait("systemctl", "is-active", "deployment", until=lambda state: state != "active")
    assert "openadr-ven" not in machine.run("docker", "ps", "--all", "--format={{.Names}}")

    # The engine, while the third one does.
    machine.start_deployment()
    machine.await_container("openadr-vtn")
    machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "docker")
    machine.wait("systemctl", "is-active", "deployment", until=lambda state: state != "active")

    machine.deploy()
    machine.deploy_without_change()
    states = machine.run("docker", "ps", "--format={{.Names}} {{.Status}}").splitlines()
    assert [state for state in states if "(healthy)" not in state] == []
    assert len(states) >= 7


def test_new_secrets_reach_everyone_who_needs_them_and_the_old_ones_are_refused(machine):
    names = ["flexmeasures_db", "redis", "flexmeasures_user_openadr"]
    machine.deploy()
    old = {name: machine.secret(name) for name in names}
    machine.run("rm", *(f"{HOME}/.secrets/dev/{name}" for name in names))

    assert machine.deploy() > 0

    assert [name for name in names if machine.secret(name) == old[name]] == []
    machine.deploy_without_change()
    code, output = machine.make("verify")
    assert code == 0, output
    login = f"postgresql://flexmeasures:{old['flexmeasures_db']}@192.168.241.12/flexmeasures"
    refused = machine.run(
        "bash", "-c", f"docker exec flexmeasures-db psql {login} -c 'SELECT 1' 2>&1 || true"
    )
    assert "password authentication failed" in refused
    ping = f"docker exec flexmeasures-redis redis-cli -a {old['redis']} ping 2>&1 || true"
    assert "WRONGPASS" in machine.run("bash", "-c", ping)


def test_uninstall_keeps_the_data_until_it_is_told_otherwise(machine):
    machine.deploy()
    machine.sql("COMMENT ON DATABASE flexmeasures IS 'kept'")

    code, output = machine.make("uninstall")
    assert code == 0, output
    assert re.search(r"Kept: volumes .*flexmeasures-db-data", " ".join(output.split())), output
    assert "-e uninstall_data=true" in output
    assert machine.run("docker", "ps", "--all", "--quiet") == ""

    machine.deploy()
    assert (
        machine.sql(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'flexmeasures'"
        )
        == "kept"
    )

    code, output = machine.make("uninstall", "-e uninstall_data=true")
    assert code == 0, output
    assert "Kept: volumes" not in output
    assert "Kept: backups" in output
    assert machine.run("docker", "volume", "ls", "--quiet") == ""
    left = ("find", "/opt/cariflex", "-mindepth", "1", "-maxdepth", "1", "-printf", "%f ")
    assert set(machine.run(*left).split()) <= {"state", "backups"}
