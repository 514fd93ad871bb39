"""Planning of image builds: what changes a hash, what does not, and errors that name the recipe."""

from __future__ import annotations

import os

import pytest
from ansible.module_utils.cariflex.images import context, plan

TABLE = {
    "base": {"kind": "debootstrap", "repository": "x/base", "suite": "trixie", "service": False},
    "app": {
        "kind": "dockerfile",
        "repository": "x/app",
        "context": "files/app",
        "base": "base",
        "extra": {"requirements.txt": "requirements/app.txt"},
    },
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "files/app/tests").mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "files/app/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    (tmp_path / "files/app/run.sh").write_text("exit 0\n")
    (tmp_path / "files/app/tests/test_a.py").write_text("")
    (tmp_path / "requirements/app.txt").write_text("a==1\n")
    return tmp_path


def planned(project, date="2026-11", arch="x86_64", table=None):
    recipes = plan.parse_recipes(table or TABLE)

    def read(recipe):
        return context.read_context(project, recipe.context, recipe.extra)

    return {image.recipe.name: image for image in plan.plan_images(recipes, ["app"], read, date, arch)}


def test__plan_images__base_first_and_passed_on(project):
    images = planned(project)
    assert list(images) == ["base", "app"]
    assert images["app"].base_ref == images["base"].ref
    assert len(images["app"].hash) == 12


@pytest.mark.parametrize("name", ["files/app/run.sh", "requirements/app.txt", "files/app/Dockerfile"])
def test__plan_images__changed_content_changes_hash(project, name):
    before = planned(project)["app"].ref
    (project / name).write_text("other\n")
    assert planned(project)["app"].ref != before


def test__plan_images__exec_bit_changes_hash(project):
    before = planned(project)["app"].ref
    (project / "files/app/run.sh").chmod(0o755)
    assert planned(project)["app"].ref != before


def test__plan_images__moved_boundary_between_path_and_content_changes_hash(project):
    recipe = plan.parse_recipes(TABLE)["app"]
    one = [context.ContextFile("ab", False, b"c")]
    two = [context.ContextFile("a", False, b"bc")]
    assert plan.recipe_hash(recipe, one, "", "d", "a") != plan.recipe_hash(recipe, two, "", "d", "a")


def test__plan_images__time_stamp_and_tests_change_nothing(project):
    before = planned(project)["app"].ref
    os.utime(project / "files/app/run.sh", (1, 1))
    (project / "files/app/tests/test_b.py").write_text("x")
    assert planned(project)["app"].ref == before


@pytest.mark.parametrize("change", [{"date": "2026-12"}, {"arch": "aarch64"}])
def test__plan_images__date_and_architecture_change_all(project, change):
    before, after = planned(project), planned(project, **change)
    assert all(before[name].ref != after[name].ref for name in before)


def test__plan_images__changed_suite_changes_what_stands_on_it(project):
    table = {**TABLE, "base": {**TABLE["base"], "suite": "bookworm"}}
    assert planned(project, table=table)["app"].ref != planned(project)["app"].ref


def test__recipe_hash__file_order_plays_no_part(project):
    recipe = plan.parse_recipes(TABLE)["app"]
    files = context.read_context(project, recipe.context, recipe.extra)
    assert plan.recipe_hash(recipe, files, "b", "d", "a") == plan.recipe_hash(
        recipe, files[::-1], "b", "d", "a"
    )


def test__parse_recipes__missing_base_is_named():
    with pytest.raises(plan.PlanError, match=r"'app': base 'nowhere' is no recipe"):
        plan.parse_recipes({"app": {**TABLE["app"], "base": "nowhere"}})


def test__build_order__circle_is_shown():
    table = {name: {**TABLE["app"], "base": base} for name, base in (("a", "b"), ("b", "a"))}
    with pytest.raises(plan.PlanError, match="a -> b -> a"):
        plan.build_order(plan.parse_recipes(table), ["a"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"kind": "magic", "repository": "x"}, "kind 'magic'"),
     ({"kind": "dockerfile", "repository": "x"}, "no context"),
     ({"kind": "debootstrap", "repository": "x", "colour": 1}, "colour")],
)  # fmt: skip
def test__parse_recipes__wrong_recipe_is_named(fields, message):
    with pytest.raises(plan.PlanError, match=message):
        plan.parse_recipes({"app": fields})


def test__read_context__extra_folder_is_read_whole_without_its_tests(project):
    (project / "files/shared/src/shared").mkdir(parents=True)
    (project / "files/shared/tests").mkdir()
    (project / "files/shared/pyproject.toml").write_text("[project]\n")
    (project / "files/shared/src/shared/a.py").write_text("A = 1\n")
    (project / "files/shared/tests/test_a.py").write_text("")

    files = context.read_context(project, "files/app", {"common": "files/shared"})

    paths = ["Dockerfile", "common/pyproject.toml", "common/src/shared/a.py", "run.sh"]
    assert [file.path for file in files] == paths


def test__plan_images__changed_file_of_an_extra_folder_changes_the_image(project):
    (project / "files/shared").mkdir()
    (project / "files/shared/a.py").write_text("A = 1\n")
    table = {**TABLE, "app": {**TABLE["app"], "extra": {"common": "files/shared"}}}
    before = planned(project, table=table)["app"].ref

    (project / "files/shared/a.py").write_text("A = 2\n")

    assert planned(project, table=table)["app"].ref != before


def test__read_context__missing_extra_file_is_named(project):
    with pytest.raises(context.ContextError, match=r"requirements/none\.txt"):
        context.read_context(project, "files/app", {"x": "requirements/none.txt"})


def test__pack__round_trip_and_stable(project, tmp_path):
    files = context.read_context(project, "files/app", {"r.txt": "requirements/app.txt"})
    target = tmp_path / "out"
    target.mkdir()
    context.unpack(context.pack(files), target)
    assert context.read_context(target, ".", {}) == files
    assert context.pack(files) == context.pack(files)


def test__missing_images__absent_base_of_present_image_is_not_built(project):
    images = [image.as_dict() for image in planned(project).values()]
    assert plan.missing_images(images, [images[1]["ref"]]) == []
    assert [image["name"] for image in plan.missing_images(images, [])] == ["base", "app"]
    assert [image["name"] for image in plan.missing_images(images, [images[0]["ref"]])] == ["app"]


def test__registry_refs__own_images_need_a_prefix(project):
    images = [image.as_dict() for image in planned(project).values()]
    assert plan.registry_refs(images, {"grafana": "g:1"}, "") == {"grafana": "g:1"}
    pulled = plan.registry_refs(images, {"grafana": "g:1"}, "r/")
    assert pulled == {"app": "r/" + images[1]["ref"], "grafana": "r/g:1"}
    assert plan.chosen_images(images, pulled, "build") == {
        "app": {"ref": images[1]["ref"], "source": "build"}
    }
    assert list(plan.absent_reasons(["app", "grafana"], {"app": {}}, images)) == ["grafana"]


@pytest.mark.parametrize(
    ("present", "served", "sources"),
    [
        ([], [], {"app": "build"}),
        ([], ["app"], {"app": "registry"}),
        # A public registry has Grafana alone: our own image is built beside it.
        ([], ["grafana"], {"app": "build", "grafana": "registry"}),
        (["r/g@sha256:1"], [], {"app": "build", "grafana": "registry"}),
        # What is on the host stays, however the registry answers.
        (["built"], ["app"], {"app": "build"}),
        (["pulled"], [], {"app": "registry"}),
    ],
)
def test__chosen_images__auto_decides_for_each_image(project, present, served, sources):
    images = [image.as_dict() for image in planned(project).values()]
    pullable = {"app": "r/" + images[1]["ref"], "grafana": "r/g:1@sha256:1"}
    names = {"built": images[1]["ref"], "pulled": pullable["app"]}
    chosen = plan.chosen_images(images, pullable, "auto", [names.get(ref, ref) for ref in present], served)
    assert {name: image["source"] for name, image in chosen.items()} == sources


def test__refs_to_ask__only_while_something_planned_is_absent(project):
    images = [image.as_dict() for image in planned(project).values()]
    pullable = {"app": "r/app:1", "grafana": "r/g:1"}
    assert plan.refs_to_ask(images, pullable, []) == pullable
    assert plan.refs_to_ask(images, pullable, [images[1]["ref"]]) == {}
    assert plan.refs_to_ask(images, pullable, ["r/app:1"]) == {}
    assert plan.refs_to_ask(images, {"grafana": "r/g:1"}, []) == {"grafana": "r/g:1"}


def test__refs_to_pull__knows_an_image_that_was_pulled_by_digest():
    chosen = {
        "postgres": {"ref": "r:5000/p:1@sha256:1", "source": "registry"},
        "redis": {"ref": "r:5000/r:1", "source": "registry"},
        "app": {"ref": "app:1", "source": "build"},
    }
    assert plan.refs_to_pull(chosen, ["r:5000/p@sha256:1"]) == ["r:5000/r:1"]
