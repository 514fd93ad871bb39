from __future__ import annotations

from scripts.check_role_specs import differences, main


def _role(root, defaults, options):
    role = root / "roles" / "r"
    (role / "defaults").mkdir(parents=True)
    (role / "meta").mkdir()
    (role / "defaults/main.yml").write_text(defaults)
    (role / "meta/argument_specs.yml").write_text(f"argument_specs: {{main: {{options: {options}}}}}")
    return role


def test_differences__equal__none(tmp_path):
    _role(tmp_path, "{r_a: 1, r_b: 2}", "{r_a: {type: int}, r_b: {type: int, required: true}}")
    assert main(tmp_path) == 0


def test_differences__each_kind__is_named(tmp_path):
    role = _role(tmp_path, "{r_a: 1}", "{r_b: {type: int}}")
    assert differences(role) == [
        "r: r_a has a default but no argument spec",
        "r: r_b has an argument spec but no default",
    ]
    assert main(tmp_path) == 1


def test_differences__no_spec_file__is_named(tmp_path):
    role = _role(tmp_path, "{}", "{}")
    (role / "meta/argument_specs.yml").unlink()
    assert differences(role) == ["r: meta/argument_specs.yml is missing"]
