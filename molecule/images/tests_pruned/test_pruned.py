"""After prune: the current image, the previous ones, what a container uses and what is not ours."""


def test_what_is_left(host):
    refs = set(host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}'").split())
    current = {ref for ref in refs if ref.startswith("registry:5000/cariflex/redis:") and len(ref) == 41}
    assert len(current) == 1
    assert refs - current == {
        "registry:5000/cariflex/redis:used",
        "registry:5000/cariflex/redis:previous",
        "registry:5000/cariflex/redis:foreign",
        "cariflex/redis:previous-built",
        "other/redis:old",
    }
