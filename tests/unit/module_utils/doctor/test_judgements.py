"""What the doctor concludes from what it saw; that it sees right is proven on a stack (molecule/doctor)."""

from datetime import UTC, datetime, timedelta

import pytest
from ansible.module_utils.cariflex.doctor import machine, openadr, queue
from ansible.module_utils.cariflex.doctor.containers import judge_state
from ansible.module_utils.cariflex.doctor.data import dashboard_sources
from ansible.module_utils.cariflex.doctor.host import Host
from ansible.module_utils.cariflex.doctor.model import Trouble, examine
from ansible.module_utils.cariflex.errors import ApiError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _nothing():
    """A remedy that is not run."""


@pytest.mark.parametrize(
    ("away", "cause", "means", "mendable"),
    [
        (["openadr-ven"], "unknown name", "the network", True),
        ([], "refused", "does not listen", True),
        ([], "timed out", "the firewall", False),
    ],
)
def test_judge_connection__three_causes__are_told_apart(away, cause, means, mendable):
    trouble = openadr.judge_connection(away, cause, _nothing, _nothing)

    assert means in trouble.means
    assert (trouble.mend is not None) == mendable


def test_judge_connection__connected__is_well():
    assert openadr.judge_connection([], "", _nothing, _nothing) == "openadr-ven reaches openadr-vtn:8080"


@pytest.mark.parametrize(("state", "mendable"), [("exited", True), ("restarting", False), ("missing", False)])
def test_judge_state__only_what_was_stopped__is_started(state, mendable):
    trouble = judge_state("openadr-ven", state, "no events", _nothing)

    assert trouble.seen == f"container openadr-ven is {state}"
    assert (trouble.mend is not None) == mendable


@pytest.mark.parametrize(("age_s", "well"), [(0, True), (30, True), (31, False)])
def test_judge_ven__three_polls_missed__is_silent(age_s, well):
    status = {"poll_interval_s": 10.0, "last_poll": (NOW - timedelta(seconds=age_s)).isoformat()}

    assert isinstance(openadr.judge_ven(status, NOW, _nothing), str) == well


def test_judge_ven__never_polled__says_so_and_why():
    trouble = openadr.judge_ven({"last_error": "HTTP 500"}, NOW, _nothing)

    assert trouble.seen == "last poll never, HTTP 500"


@pytest.mark.parametrize(
    ("counts", "well"),
    [
        ({"scheduling": 50, "ingestion": 0}, True),
        ({"scheduling": 51, "ingestion": 0}, False),
        ({"scheduling": 0, "ingestion": 1}, False),
    ],
)
def test_judge_queue__long_or_orphaned__is_stuck(counts, well):
    assert isinstance(queue.judge_queue(counts, "seen", _nothing), str) == well


@pytest.mark.parametrize(
    ("days", "well", "word"), [(14, True, ""), (13.9, False, "expires"), (-1, False, "expired")]
)
def test_judge_certificate__two_weeks(days, well, word):
    found = machine.judge_certificate(NOW + timedelta(days=days), NOW)

    assert isinstance(found, str) == well
    if not well:
        assert found.seen.startswith(word)


@pytest.mark.parametrize(("share", "well"), [(0.15, True), (0.149, False)])
def test_judge_disk__fifteen_percent(share, well):
    assert isinstance(machine.judge_disk({"/": 0.9, "/data": share}), str) == well


def test_dashboard_sources__a_renamed_uid__is_named(tmp_path):
    (tmp_path / "provisioning/datasources").mkdir(parents=True)
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "provisioning/datasources/cariflex.yml").write_text(
        "datasources:\n  - uid: other\n    name: x\n"
    )
    (tmp_path / "dashboards/ems.json").write_text(
        '{"panels": [{"datasource": {"uid": "cariflex-flexmeasures"}}]}'
    )

    trouble = dashboard_sources(tmp_path)

    assert trouble.seen == "panels ask the data sources cariflex-flexmeasures, provisioned are other"


class _Patient:
    """Ill until it was treated `doses` times."""

    def __init__(self, doses):
        self.doses = doses
        self.treated = 0

    def look(self):
        if self.treated >= self.doses:
            return "well"
        return Trouble("ill", "it hurts", "rest", self.treat)

    def treat(self):
        self.treated += 1


def test_examine__without_fix__only_tells():
    patient = _Patient(1)

    finding = examine("patient", patient.look, fix=False)

    assert (finding.state, finding.seen, finding.done, patient.treated) == ("trouble", "ill", "rest", 0)


def test_examine__mended__looked_again():
    finding = examine("patient", _Patient(1).look, fix=True, pause=lambda _: None)

    assert (finding.state, finding.done) == ("mended", "rest")


def test_examine__remedy_that_does_not_help__stays_a_trouble(monkeypatch):
    monkeypatch.setattr("ansible.module_utils.cariflex.doctor.model.RECOVERY_S", 0.0)

    finding = examine("patient", _Patient(2).look, fix=True, pause=lambda _: None)

    assert finding.state == "trouble"
    assert "did not help" in finding.done


def test_examine__cannot_look__is_unknown_and_no_trouble():
    def look():
        raise ApiError("no engine")

    assert examine("patient", look, fix=True).state == "unknown"


def _ven(answers):
    def run(words, **_options):
        return next(answer for word, answer in answers.items() if word in words)

    return openadr.ven_silent(Host(run))


def test_ven_silent__running_without_an_answer__hangs():
    trouble = _ven({"inspect": (0, "running", ""), "venctl": (124, "", "")})

    assert "does not answer venctl" in trouble.seen
    assert trouble.mend is not None


def test_ven_silent__not_running__leaves_it_to_the_connection():
    with pytest.raises(ApiError, match="exited"):
        _ven({"inspect": (0, "exited", "")})
