"""The double's tables: rows as dicts, ids that count up, unique keys, foreign keys that cascade."""

import re
import threading
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address, ip_network

NEVER = "1970-01-01 00:00:01"
TAGS = [
    (1, "Offline", 1, "#f59c99", "#ffffff", "No"),
    (2, "Used", 0, "#a9c9a4", "#ffffff", "No"),
    (3, "Reserved", 1, "#9ac0cd", "#ffffff", "No"),
    (4, "DHCP", 1, "#c9c9c9", "#ffffff", "Yes"),
]
SECTION_KEYS = {
    "name": None, "description": None, "masterSection": 0, "permissions": None, "strictMode": "1",
    "subnetOrdering": None, "order": None, "editDate": None, "showSubnet": 1, "showVLAN": 0, "showVRF": 0,
    "showSupernetOnly": 0, "DNS": None,
}  # fmt: skip
SUBNET_KEYS = {
    "subnet": None, "mask": None, "sectionId": None, "description": None, "linked_subnet": None,
    "firewallAddressObject": None, "vrfId": None, "masterSubnetId": 0, "allowRequests": 0, "vlanId": None,
    "showName": 0, "device": 0, "permissions": None, "pingSubnet": 0, "discoverSubnet": 0, "resolveDNS": 0,
    "DNSrecursive": 0, "DNSrecords": 0, "nameserverId": 0, "scanAgent": None, "customer_id": None,
    "isFolder": 0, "isFull": 0, "isPool": 0, "tag": 2, "threshold": 0, "location": None, "editDate": None,
    "lastScan": None, "lastDiscovery": None,
}  # fmt: skip
ADDRESS_KEYS = {
    "subnetId": None, "ip": None, "is_gateway": 0, "description": None, "hostname": None, "mac": None,
    "owner": None, "tag": 2, "deviceId": None, "location": None, "port": None, "note": None,
    "lastSeen": NEVER, "excludePing": 0, "PTRignore": 0, "PTR": 0, "firewallAddressObject": None,
    "editDate": None, "customer_id": None,
}  # fmt: skip
_STRINGS = {"mask", "strictMode"}


class RefusalError(Exception):
    """An answer other than success."""

    def __init__(self, code, message, status=None):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status or code


def now():
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def strip_tags(value):
    """PHP's strip_tags: a "<" before white space is text; an empty result is NULL."""
    if not isinstance(value, str):
        return value
    return re.sub(r"<(?!\s)[^>]*(>|$)", "", value) or None


class Store:
    """All tables behind one lock, as a database does statement by statement."""

    def __init__(self, custom_fields=()):
        self.statement = threading.RLock()
        self.sections, self.subnets, self.addresses = {}, {}, {}
        self.next_id = {"sections": 1, "subnets": 1, "addresses": 1}
        self.custom_fields = dict.fromkeys(custom_fields)
        self.tags = [
            {
                "id": i,
                "type": t,
                "showtag": s,
                "bgcolor": b,
                "fgcolor": f,
                "compress": c,
                "locked": "Yes",
                "updateTag": 1,
            }
            for i, t, s, b, f, c in TAGS
        ]

    def insert(self, table, row):
        """One INSERT: unique keys and NOT NULL columns are checked here, whatever was checked before."""
        row = _typed(row)
        with self.statement:
            self._check_columns(row)
            if table == "sections" and any(
                s["name"].lower() == row["name"].lower() for s in self.sections.values()
            ):
                raise RefusalError(500, _duplicate(row["name"], "PRIMARY"))
            if table == "addresses":
                if self.address_at(row["subnetId"], row["ip"]):
                    value = f"{int(ip_address(row['ip']))}-{row['subnetId']}"
                    raise RefusalError(500, _duplicate(value, "sid_ip_unique"))
                self._one_gateway(row)
            row_id = self.next_id[table]
            self.next_id[table] += 1
            getattr(self, table)[row_id] = {"id": row_id, **row}
            return row_id

    def update(self, table, row_id, values):
        with self.statement:
            row = getattr(self, table)[row_id]
            values = _typed(values)
            self._check_columns(values)
            if table == "addresses":
                self._one_gateway({**row, **values})
            row.update(values, editDate=now())

    def _one_gateway(self, row):
        # Storing a gateway, even again, takes the mark from every other record of its subnet.
        if row.get("is_gateway") == 1:
            for other in self.rows_of(row["subnetId"]):
                other["is_gateway"] = 0

    def _check_columns(self, values):
        for name in ("is_gateway", "excludePing", "PTRignore"):
            if name in values and values[name] is None:
                text = f"Integrity constraint violation: 1048 Column '{name}' cannot be null"
                raise RefusalError(500, f"Error: SQLSTATE[23000]: {text}")
        for name in ("hostname", "description"):
            if len(values.get(name) or "") > 255:
                text = f"String data, right truncated: 1406 Data too long for column '{name}' at row 1"
                raise RefusalError(500, f"Error: SQLSTATE[22001]: {text}")

    def address_at(self, subnet_id, ip):
        return next((a for a in self.rows_of(subnet_id) if a["ip"] == ip), None)

    def rows_of(self, subnet_id):
        """The records of a subnet in the order of their addresses."""
        with self.statement:
            rows = [a for a in self.addresses.values() if a["subnetId"] == subnet_id]
        return sorted(rows, key=lambda a: int(ip_address(a["ip"])))

    def slaves(self, subnet_id):
        return [s for s in list(self.subnets.values()) if s["masterSubnetId"] == subnet_id]

    def delete_address(self, row_id):
        with self.statement:
            if self.addresses.pop(row_id, None) is None:
                raise RefusalError(404, "Address does not exist")

    def delete_subnet(self, row_id):
        """A subnet takes its nested subnets and all their records along."""
        with self.statement:
            for slave in self.slaves(row_id):
                self.delete_subnet(slave["id"])
            for row in self.rows_of(row_id):
                self.delete_address(row["id"])
            del self.subnets[row_id]

    def delete_section(self, row_id):
        with self.statement:
            for subnet in [s for s in self.subnets.values() if s["sectionId"] == row_id]:
                if subnet["id"] in self.subnets:
                    self.delete_subnet(subnet["id"])
            del self.sections[row_id]

    def first_free(self, subnet_id):
        """The lowest free address, or None: nested subnets and the mark "full" leave none."""
        subnet = self.subnets[subnet_id]
        if subnet["isFull"] or self.slaves(subnet_id):
            return None
        network = network_of(subnet)
        taken = {row["ip"] for row in self.rows_of(subnet_id)}
        for number in range(int(network[0]), int(network[-1]) + 1):
            ip = type(network[0])(number)
            if usable(network, ip) and str(ip) not in taken:
                return str(ip)
        return None


def _typed(values):
    """Columns of numbers hold numbers, whatever was sent."""
    columns = {**SECTION_KEYS, **SUBNET_KEYS, **ADDRESS_KEYS}
    return {
        name: int(value) if isinstance(columns.get(name), int) and str(value).isdigit() else value
        for name, value in values.items()
    }


def network_of(subnet):
    return ip_network(f"{subnet['subnet']}/{subnet['mask']}")


def usable(network, ip):
    edges = (network[0], network[-1])
    return ip in network and not (network.version == 4 and network.prefixlen < 31 and ip in edges)


def parse_address_text(text):
    """An address as phpIPAM reads it: dotted, IPv6 or a decimal number; anything else becomes 0.0.0.0."""
    if str(text).isdigit():
        return IPv4Address(int(text))
    try:
        return ip_address(str(text))
    except ValueError:
        return IPv4Address(0)


def shown(row, custom_fields=()):
    """A row as the API shows it: some numbers are texts."""
    result = {k: (str(v) if k in _STRINGS and v is not None else v) for k, v in row.items()}
    return {**result, **{name: row.get(name) for name in custom_fields}}


def _duplicate(value, key):
    text = f"Integrity constraint violation: 1062 Duplicate entry '{value}' for key '{key}'"
    return f"Error: SQLSTATE[23000]: {text}"
