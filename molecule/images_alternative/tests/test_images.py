"""Asks the engine what was built, and what of the build is left."""


def _refs(host):
    return host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}'").split()


def test_the_image_and_its_base_were_built(host):
    assert sorted(ref.partition(":")[0] for ref in _refs(host)) == [
        "cariflex/base-bookworm",
        "cariflex/redis",
    ]


def test_it_runs(host):
    [image] = [ref for ref in _refs(host) if ref.startswith("cariflex/redis:")]
    answer = host.check_output(f"docker run --rm --network none {image} redis-server --version")
    assert answer.startswith("Redis server v=7.")


def test_nothing_of_the_build_is_left_but_its_logs(host):
    assert host.check_output("find /opt/cariflex/build -type f -not -name build.log -not -name lock") == ""
    assert "debootstrap" not in host.check_output("cat /proc/mounts")
