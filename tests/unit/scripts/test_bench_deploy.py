"""What the bench reads of a first deploy's output."""

from __future__ import annotations

import pytest
from scripts.bench_deploy import first_deploy, phases

LOG = """
TASK [images : Build the images] ***********************************************
changed: [cariflex-dev]

PHASES *************************************************************************
     1.5 s  Check the host before anything is changed
   200.0 s  Have the images
    38.5 s  Bring the ems stack up
   240.0 s  in all, 151 tasks
"""


def test__phases__names_and_seconds_without_the_sum():
    assert phases(LOG) == {
        "Check the host before anything is changed": 1.5,
        "Have the images": 200.0,
        "Bring the ems stack up": 38.5,
    }


def test__first_deploy__whole_time_against_the_builds():
    whole = first_deploy(LOG)[0]
    assert (whole["value"], whole["peer_value"], whole["ratio"], whole["met"]) == (240.0, 200.0, 1.2, True)


def test__first_deploy__no_ratio_where_nothing_was_built():
    whole = first_deploy(LOG.replace("Build the images", "Pull the images"))[0]
    assert (whole["value"], whole["peer_value"], whole["met"]) == (240.0, None, None)


def test__first_deploy__refuses_half_a_log():
    with pytest.raises(SystemExit, match="no table of phases"):
        first_deploy(LOG.split("PHASES", maxsplit=1)[0])
