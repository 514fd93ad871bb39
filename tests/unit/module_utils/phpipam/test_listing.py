"""The listing for inventory and lookup: names instead of ids, in a number of requests that does not grow."""

import pytest
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.listing import matches, read_all


def fill(phpipam, count):
    ours, other = phpipam.add_section("Cariflex"), phpipam.add_section("Office")
    for number in range(count):
        subnet = phpipam.add_subnet(ours, f"10.{number}.0.0/24")
        phpipam.add_address(subnet, f"10.{number}.0.1", hostname=f"host-{number}", tag=3)
    phpipam.add_address(phpipam.add_subnet(other, "172.16.0.0/24"), "172.16.0.1", hostname="printer")
    phpipam.log.clear()


@pytest.mark.parametrize("count", [1, 40])
def test_read_all__four_requests_at_any_size(phpipam, client, count):
    fill(phpipam, count)
    rows = read_all(client)
    assert len(rows["addresses"]) == count + 1
    assert len(phpipam.log) == 4


def test_read_all__names_sections_subnets_and_tags(phpipam, client):
    fill(phpipam, 1)
    rows = read_all(client, ["CARIFLEX"])
    assert [row["name"] for row in rows["sections"]] == ["Cariflex"]
    assert [row["cidr"] for row in rows["subnets"]] == ["10.0.0.0/24"]
    (address,) = rows["addresses"]
    assert (address["section"], address["subnet"], address["tag"]) == ("Cariflex", "10.0.0.0/24", "Reserved")
    assert address["is_gateway"] is False


def test_read_all__missing_section_is_an_error(phpipam, client):
    fill(phpipam, 1)
    with pytest.raises(CariflexError, match="section nope: does not exist, expected one of Cariflex, Office"):
        read_all(client, ["Nope"])


def test_matches__any_of_the_values_of_every_field():
    row = {"tag": "used", "owner": None}
    assert matches(row, {"tag": ["Used", "reserved"]})
    assert not matches(row, {"tag": "used", "owner": "x"})
    with pytest.raises(CariflexError, match="filter colour: no such field, expected one of owner, tag"):
        matches(row, {"colour": "red"})
