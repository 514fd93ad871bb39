"""Asks the engine which images the role brought."""

RECIPE = "fr.cariflex.recipe"


def test_only_the_wanted_image_was_brought(host):
    [ref] = host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}'").split()
    repository, _, tag = ref.rpartition(":")
    assert repository == "registry:5000/cariflex/redis"
    label = host.check_output(
        f"docker image inspect --format '{{{{index .Config.Labels \"{RECIPE}\"}}}}' {ref}"
    )
    assert label == tag


def test_it_runs(host):
    [image] = host.check_output("docker image ls --quiet").split()
    answer = host.check_output(f"docker run --rm --network none {image} redis-server --version")
    assert answer.startswith("Redis server v=7.")
