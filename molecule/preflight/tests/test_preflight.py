"""Each reason not to deploy is told with its remedy, before anything is changed."""

import pytest

LABEL = "fr.cariflex.environment"


@pytest.fixture
def background(host):
    """Run a command on the platform until the test ends."""
    units = []

    def start(name, command):
        host.check_output(f"systemd-run --unit {name} --collect {command}")
        units.append(name)

    yield start
    for name in units:
        host.run(f"systemctl stop {name}")


@pytest.fixture
def made(host):
    """Make an object of the platform's and remove it again."""
    removals = []

    def make(create, remove):
        host.check_output(create)
        removals.append(remove)

    yield make
    for remove in reversed(removals):
        host.check_output(remove)


def _refused(outcome, *texts):
    said = " ".join(outcome.output.split())
    assert outcome.code == 2, said
    assert "This host cannot take the stack yet; nothing was changed." in said
    assert [text for text in texts if text not in said] == []
    assert outcome.changes == []


def test_used_ports(host, deploy, background):
    for port in (80, 443):
        background(f"web{port}", f"python3 -m http.server {port}")
        host.check_output(
            f"timeout 20 bash -c 'until (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.1; done'"
        )
    _refused(
        deploy(),
        "TCP port 80: is used by python3 (pid",
        "TCP port 443: is used by python3 (pid",
        "Remedy: stop that program, or choose other ports",
    )


def test_too_little_disk(deploy, made):
    made("mount -t tmpfs -o size=64m none /mnt", "umount /mnt")
    _refused(
        deploy(cariflex_docker_data_root="/mnt"),
        "free disk for /mnt (images and volumes): is 0.1 GiB; expected at least 12 GiB",
        "Remedy: free some space",
    )


def test_a_subnet_of_ours_on_another_docker_network(deploy, made):
    made("docker network create --subnet 172.29.5.0/24 other", "docker network rm other")
    _refused(
        deploy(),
        "subnet 172.29.0.0/16 of network traefik-public: is overlapping 172.29.5.0/24 of",
        "Docker network other",
        "Remedy: choose another subnet in cariflex_networks",
    )


def test_a_subnet_of_ours_on_another_route(deploy, made):
    made(
        "ip link add lan0 type bridge && ip addr add 192.168.240.77/24 dev lan0 && ip link set lan0 up",
        "ip link del lan0",
    )
    _refused(
        deploy(), "subnet 192.168.240.0/24 of network openadr-internal: is overlapping the route", "on lan0"
    )


@pytest.mark.parametrize("label", ["", f"--label {LABEL}=prod"], ids=["not ours", "another environment's"])
def test_objects_of_our_names_that_are_not_ours(deploy, made, label):
    made(f"docker volume create {label} flexmeasures-db-data", "docker volume rm flexmeasures-db-data")
    made(
        f"docker network create {label} --subnet 10.204.0.0/24 cariflex-backend",
        "docker network rm cariflex-backend",
    )
    made("tar --create --files-from /dev/null | docker import - empty", "docker image rm empty")
    made(f"docker create {label} --name flexmeasures-server empty /none", "docker rm flexmeasures-server")
    whose = "labelled for environment prod" if label else "not made by us"
    _refused(
        deploy(),
        f"container flexmeasures-server: is {whose}; expected absent, or labelled {LABEL}=dev",
        f"network cariflex-backend: is {whose}",
        f"volume flexmeasures-db-data: is {whose}",
        "Remedy: back it up and remove it by hand (docker volume rm flexmeasures-db-data)",
    )


def test_an_unsupported_system_and_too_little_memory(deploy):
    outcome = deploy(preflight_memory_mib=10_000_000)
    _refused(outcome, "memory: is", "expected at least 10000000 MiB")


def test_a_user_who_may_not_become_root(deploy, made):
    made("useradd --create-home anna", "userdel --remove anna")
    outcome = deploy(ansible_user="anna")
    assert outcome.code != 0
    assert "password is required" in outcome.output or "not in the sudoers file" in outcome.output
    assert [path for path in outcome.changes if not path.startswith("/var/lib/sudo")] == []


def test_bootstrap_tells_a_user_without_sudo_before_it_downloads_anything(host, made, sources):
    made("useradd --create-home anna", "userdel --remove anna")
    asked = host.run(f"runuser -u anna -- {sources}/scripts/bootstrap.sh controller root")
    assert asked.rc == 1
    assert "deploying needs root, or sudo that works for anna." in asked.stderr
    assert "have this user allowed in sudoers. Nothing was changed." in asked.stderr
    assert host.check_output(f"find {sources} -name '.venv*'") == ""
