"""Uses the Compose of PyPI with Debian 12's engine."""

PROJECT = "/root/project"


def test_it_is_the_one_of_pypi(host):
    assert host.check_output("cat /etc/os-release | grep VERSION_ID") == 'VERSION_ID="12"'
    assert host.check_output("docker version --format '{{.Server.Version}}'").startswith("20.10.")
    plugin = host.file("/usr/local/lib/docker/cli-plugins/docker-compose")
    assert plugin.mode == 0o755


def test_it_brings_a_service_up_and_waits_for_its_health(host):
    host.check_output(
        "tar --create --directory / bin lib lib64 usr/bin usr/lib64 usr/lib/x86_64-linux-gnu"
        " | docker import - tools"
    )
    service = (
        '{"services": {"one": {"image": "tools", "network_mode": "none", "command": ["/bin/sleep", "60"], '
        '"healthcheck": {"test": ["CMD", "/bin/true"], "interval": "1s"}}}}'
    )
    host.check_output(f"mkdir -p {PROJECT} && echo '{service}' >{PROJECT}/compose.yml")
    host.check_output(f"docker compose --project-directory {PROJECT} up --detach --wait")
    state = host.check_output("docker inspect --format '{{.State.Health.Status}}' project-one-1")
    host.check_output(
        f"docker compose --project-directory {PROJECT} down --timeout 0 && docker image rm tools"
    )
    assert state == "healthy"
