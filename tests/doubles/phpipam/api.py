"""What each endpoint of the double does: validation in phpIPAM's order, its messages, its traps."""

import re
import time
from ipaddress import ip_address, ip_network

from .store import (
    ADDRESS_KEYS,
    SECTION_KEYS,
    SUBNET_KEYS,
    RefusalError,
    network_of,
    parse_address_text,
    shown,
    strip_tags,
    usable,
)

_NOT_GIVEN = object()


class Api:
    """The controllers. Every method returns the keys of the envelope beside code and success."""

    def __init__(self, store, race_gap_s=0.0):
        self.store, self.race_gap_s = store, race_gap_s

    # sections

    def get_sections(self):
        return {"data": [shown(row) for row in self.store.sections.values()]}

    def get_section(self, key):
        rows = self.store.sections.values()
        if key.isdigit():
            if int(key) not in self.store.sections:
                raise RefusalError(404, "Section does not exist")
            return {"data": shown(self.store.sections[int(key)])}
        found = next((row for row in rows if row["name"].lower() == key.lower()), None)
        if found is None:
            raise RefusalError(404, "Not Found")
        return {"data": shown(found)}

    def post_section(self, body, _app):
        if len(body.get("name") or "") < 2:
            raise RefusalError(400, "Name is mandatory or too short (mininum 3 characters)")
        _check_keys(body, SECTION_KEYS)
        row_id = self.store.insert("sections", {**SECTION_KEYS, **body})
        return {"code": 201, "message": "Section created", "id": str(row_id)}

    def patch_section(self, row_id, body, _app):
        self.store.update("sections", row_id, body)
        return {}

    def delete_section(self, row_id):
        if row_id not in self.store.sections:
            raise RefusalError(404, "Section does not exist")
        self.store.delete_section(row_id)
        return {}

    def get_section_subnets(self, section_id):
        rows = [row for row in self.store.subnets.values() if row["sectionId"] == section_id]
        if not rows:
            raise RefusalError(404, "No subnets found")
        rows.sort(key=lambda row: (int(network_of(row)[0]), int(row["mask"])) if row["mask"] else (0, 0))
        return {"data": [shown(row) for row in rows]}

    # subnets

    def get_subnets(self):
        rows = [shown(row) for row in self.store.subnets.values() if not row["isFolder"]]
        if not rows:
            raise RefusalError(404, "No subnets found")
        return {"data": rows}

    def post_subnet(self, body, _app):
        network = _network(body)
        section = self._section(body.get("sectionId"))
        if body.get("vlanId", None) is not None:
            raise RefusalError(404, "Vlan does not exist")
        master_id = int(body.get("masterSubnetId") or 0)
        if master_id and master_id not in self.store.subnets:
            raise RefusalError(404, f"Master Subnet does not exist (id={master_id})")
        # The controller maps no names here: the tag of a subnet goes by its column's name.
        _check_keys(body, {**{k: v for k, v in SUBNET_KEYS.items() if k != "tag"}, "state": 2})
        if str(section["strictMode"]) == "1":
            self._refuse_overlap(network, section, master_id)
        row = {k: v for k, v in body.items() if k != "state"}
        row |= {"mask": network.prefixlen, "sectionId": section["id"], "masterSubnetId": master_id}
        row["tag"] = int(body.get("state") or 2)
        row_id = self.store.insert("subnets", {**SUBNET_KEYS, **_stripped(row)})
        return {"code": 201, "message": "Subnet created", "id": str(row_id), "data": str(network)}

    def post_first_subnet(self, master_id, mask, body, app):
        master = self.store.subnets[master_id]
        taken = [network_of(s) for s in self.store.slaves(master_id)]
        free = next(
            n for n in network_of(master).subnets(new_prefix=mask) if not any(n.overlaps(t) for t in taken)
        )
        place = {
            "subnet": str(free[0]),
            "mask": mask,
            "sectionId": master["sectionId"],
            "masterSubnetId": master_id,
        }
        return self.post_subnet({**body, **place}, app)

    def _section(self, section_id):
        if section_id in (None, ""):
            raise RefusalError(400, "Invalid Section ()")
        if int(section_id) not in self.store.sections:
            raise RefusalError(400, f"Section id ({section_id}) does not exist")
        return self.store.sections[int(section_id)]

    def _refuse_overlap(self, network, section, master_id):
        if master_id:
            master = network_of(self.store.subnets[master_id])
            if not (network[0] in master and network[-1] in master):
                raise RefusalError(409, "Subnet is not within boundaries of its master subnet")
            for other in self.store.slaves(master_id):
                if network.overlaps(network_of(other)):
                    raise RefusalError(409, f"Subnet overlaps with {network_of(other)}")
            return
        for other in list(self.store.subnets.values()):
            if other["sectionId"] != section["id"] or other["isFolder"] or other["masterSubnetId"]:
                continue
            theirs = network_of(other)
            if theirs.version == network.version and network.overlaps(theirs):
                text = f"{theirs} ({other['description']}) in section {section['name']}"
                raise RefusalError(409, f"Subnet {network} overlaps with {text}")

    def patch_subnet(self, row_id, body, _app):
        if row_id not in self.store.subnets:
            raise RefusalError(404, f"Invalid subnet Id ({row_id})")
        if body.get("vlanId", None) is not None:
            raise RefusalError(404, "Vlan does not exist")
        if "subnet" in body:
            raise RefusalError(400, "Subnet cannot be changed")
        if "mask" in body:
            raise RefusalError(400, "To change mask use resize method")
        _check_keys(body, {**{k: v for k, v in SUBNET_KEYS.items() if k != "tag"}, "state": 2})
        values = {("tag" if k == "state" else k): v for k, v in body.items()}
        self.store.update("subnets", row_id, _stripped(values))
        return {"message": "Subnet updated"}

    def delete_subnet(self, row_id):
        if row_id not in self.store.subnets:
            raise RefusalError(404, f"Invalid subnet Id ({row_id})")
        self.store.delete_subnet(row_id)
        return {"message": "Subnet deleted"}

    def truncate_subnet(self, row_id):
        for row in self.store.rows_of(row_id):
            self.store.delete_address(row["id"])
        return {"message": "Subnet truncated"}

    def get_subnet(self, subnet_id):
        if subnet_id not in self.store.subnets:
            raise RefusalError(400, f"Invalid subnet Id ({subnet_id})")
        return {"data": shown(self.store.subnets[subnet_id])}

    def get_subnet_addresses(self, subnet_id, app):
        if subnet_id not in self.store.subnets:
            raise RefusalError(404, f"Invalid subnet Id ({subnet_id})")
        rows = self.store.rows_of(subnet_id)
        if not rows:
            raise RefusalError(404, "No addresses found")
        return {
            "data": [self._nested(row) if app.nest else shown(row, self.store.custom_fields) for row in rows]
        }

    # addresses

    def get_addresses(self):
        return {"data": [shown(row, self.store.custom_fields) for row in list(self.store.addresses.values())]}

    def get_address(self, row_id, app):
        row = self.store.addresses.get(row_id)
        if row is None:
            raise RefusalError(404, "Invalid Id")
        if not app.nest:
            return {"data": shown(row, self.store.custom_fields)}
        nested = {name: row.get(name) for name in self.store.custom_fields}
        return {"data": {**shown({k: v for k, v in row.items() if k not in nested}), "custom_fields": nested}}

    def _nested(self, row):
        """A row of a list for an app that nests custom fields: those without a value stay flat."""
        nested = {name: row[name] for name in self.store.custom_fields if row.get(name) is not None}
        flat = shown({k: v for k, v in row.items() if k not in nested})
        empty = {name: None for name in self.store.custom_fields if name not in nested}
        return {**flat, **empty, **({"custom_fields": nested} if nested else {})}

    def get_tags(self):
        return {"data": self.store.tags}

    def post_address(self, body, app):
        body = self._unnest(body, app)
        if not isinstance(body, dict) or not str(body.get("subnetId", "")).isdigit():
            raise RefusalError(400, "SubnetId must be numeric")
        subnet_id = int(body["subnetId"])
        if subnet_id not in self.store.subnets:
            raise RefusalError(404, "Invalid subnet Id")
        network, ip = network_of(self.store.subnets[subnet_id]), parse_address_text(body.get("ip"))
        if not usable(network, ip):
            raise RefusalError(500, f"{ip} is not a valid address for subnet {network}")
        values = self._values(body)
        if self.store.address_at(subnet_id, str(ip)):
            raise RefusalError(409, "IP address already exists")
        # Between this look and the insert another request may come, unless the app locks.
        time.sleep(self.race_gap_s)
        values |= {"ip": str(ip), "subnetId": subnet_id}
        row_id = self.store.insert("addresses", {**ADDRESS_KEYS, **values})
        return {"code": 201, "message": "Address created", "id": str(row_id)}

    def get_first_free(self, subnet_id):
        ip = self.store.first_free(subnet_id) if subnet_id in self.store.subnets else None
        if ip is None:
            raise RefusalError(404, "No free addresses found")
        return {"data": ip}

    def post_first_free(self, subnet_id, body, app):
        if subnet_id not in self.store.subnets:
            raise RefusalError(400, "Invalid subnet identifier")
        if self.store.subnets[subnet_id]["isFull"]:
            raise RefusalError(404, "No free addresses found (subnet is full)")
        ip = self.store.first_free(subnet_id)
        if ip is None:
            raise RefusalError(404, "No free addresses found")
        described = {"description": "API created", **body}
        return {**self.post_address({**described, "ip": ip, "subnetId": subnet_id}, app), "data": ip}

    def patch_address(self, row_id, body, app):
        if "ip" in body:
            raise RefusalError(400, "IP address cannot be changed")
        if "subnetId" in body:
            raise RefusalError(400, "Subnet cannot be changed")
        if row_id not in self.store.addresses:
            raise RefusalError(404, "Address does not exist")
        # A tag that is not sent is reset.
        self.store.update("addresses", row_id, {"tag": 2, **self._values(self._unnest(body, app))})
        return {"message": "Address updated"}

    def delete_address(self, row_id):
        self.store.delete_address(row_id)
        return {"message": "Address deleted"}

    def delete_address_by_ip(self, ip, subnet_id):
        row = self.store.address_at(subnet_id, ip)
        if row is None:
            # The product dies here and sends nothing.
            raise RefusalError(500, _NOT_GIVEN)
        return self.delete_address(row["id"])

    def _unnest(self, body, app):
        if not app.nest or not isinstance(body, dict):
            return body
        nested = body.get("custom_fields") or {}
        for name in nested:
            if name not in self.store.custom_fields:
                raise RefusalError(400, f"{name} is not a valid custom field")
        return {**{k: v for k, v in body.items() if k != "custom_fields"}, **nested}

    def _values(self, body):
        """The columns of a body, as the product stores them."""
        values = {k: v for k, v in body.items() if k not in ("ip", "subnetId")}
        if values.get("mac"):
            values["mac"] = _mac(values["mac"])
        if values.get("deviceId"):
            raise RefusalError(400, "Device does not exist")
        if values.get("tag") is None:
            values["tag"] = 2
        if not str(values["tag"]).isdigit():
            raise RefusalError(400, "Invalid state")
        values["tag"] = int(values["tag"])
        if values["tag"] not in {tag["id"] for tag in self.store.tags}:
            raise RefusalError(400, "Tag does not exist")
        _check_keys(values, {**ADDRESS_KEYS, **self.store.custom_fields})
        return _stripped(values)


def _check_keys(body, allowed):
    for name in body:
        if name not in allowed or name == "editDate":
            raise RefusalError(400, f"Invalid request key {name}")


def _stripped(values):
    """Tags stripped, empty values NULL: PHP turns JSON's false into an empty text and true into 1."""
    result = {}
    for name, value in values.items():
        plain = {True: 1, False: None}[value] if isinstance(value, bool) else strip_tags(value)
        result[name] = None if plain == "" else plain
    return result


def _mac(text):
    digits = re.sub(r"[:.-]", "", str(text)).lower()
    if not re.fullmatch("[0-9a-f]{12}", digits):
        raise RefusalError(400, "Invalid MAC address")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _network(body):
    try:
        ip = ip_address(str(body.get("subnet")))
    except ValueError:
        raise RefusalError(400, "Invalid IP address!") from None
    if not str(body.get("mask", "")).isdigit() or int(body["mask"]) > ip.max_prefixlen:
        raise RefusalError(400, "Invalid netmask")
    network = ip_network(f"{ip}/{body['mask']}", strict=False)
    if network[0] != ip:
        raise RefusalError(400, f"IP address cannot be subnet! (Consider using {network[0]})")
    return network


def filtered(rows, query):
    """The parameters filter_by and filter_value of a list."""
    if "filter_by" not in query:
        return rows
    if "filter_value" not in query:
        raise RefusalError(400, "Missing filter_value")
    if query["filter_by"] not in rows[0]:
        raise RefusalError(400, "Invalid filter_by")
    found = [row for row in rows if str(row[query["filter_by"]]) == query["filter_value"]]
    if not found:
        raise RefusalError(404, "No results (filter applied)")
    return found
