"""The build command and the base image's apt sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.cariflex.images import build, debootstrap, engine

REQUEST = build.BuildRequest(
    "app", "dockerfile", "x/app:1", "1", Path("/b"), base_ref="x/base:2", target="vtn"
)


def test__docker_command__names_everything(monkeypatch):
    for name in build.PROXY_ARGUMENTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy:1")
    command = build.docker_command("docker", REQUEST, Path("/c"), Path("/ca.pem"))
    text = " ".join(command)
    assert "--secret id=ca,src=/ca.pem" in text
    assert "--build-arg BASE=x/base:2" in text
    assert "--target vtn" in text
    assert "--build-arg https_proxy " in text
    assert "secret@" not in text


def test__sources_list__security_is_derived():
    text = debootstrap.sources_list("trixie", "http://mirror/debian", "")
    assert "deb http://mirror/debian-security trixie-security main" in text
    assert "trixie-updates" in text


def test__check_disk__says_folder_and_need(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "output_of", lambda _command: str(tmp_path))
    with pytest.raises(engine.BuildError, match=r"needs 999999999 MB.*Fix"):
        engine.check_disk("docker", tmp_path, 999_999_999)


def test__log__failure_shows_the_end(tmp_path):
    log = engine.Log(tmp_path / "x/build.log")
    with pytest.raises(engine.BuildError, match=r"(?s)exited 3.*last words"):
        log.run(["sh", "-c", "echo last words; exit 3"])


def test__find_client__old_client_needs_no_plugin(monkeypatch):
    versions = {"/new/docker": "28.2.2", "/usr/bin/docker": "20.10.24"}
    monkeypatch.setattr(engine, "_candidates", lambda: iter(versions))
    monkeypatch.setattr(engine, "output_of", lambda c: versions[c[0]] if c[1] == "version" else None)
    assert engine.find_client() == "/usr/bin/docker"
    del versions["/usr/bin/docker"]
    with pytest.raises(engine.BuildError, match=r"28\.2\.2.*docker-buildx"):
        engine.find_client()
