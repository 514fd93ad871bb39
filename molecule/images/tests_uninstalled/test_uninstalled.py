"""After uninstall with uninstall_images: only what a container uses and what is not ours."""


def test_what_is_left(host):
    refs = host.check_output("docker image ls --format '{{.Repository}}:{{.Tag}}'").split()
    assert set(refs) == {
        "registry:5000/cariflex/redis:used",
        "registry:5000/cariflex/redis:foreign",
        "other/redis:old",
    }


def test_the_build_folder_is_gone(host):
    assert not host.file("/opt/cariflex/build").exists
