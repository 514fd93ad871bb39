"""Tables of vtnctl: the VTN's answers as rows, the first of which is the heading."""

from typing import Any

Json = dict[str, Any]
Rows = list[list[str]]


def health(answer: Json) -> Rows:
    """The service's state."""
    return [["STATUS"], [str(answer["status"])]]


def events(answer: Json) -> Rows:
    """Events with the number of answers to them."""
    rows = [
        [
            event["event_id"],
            str(event["modification"]),
            event["status"] + (" test" if event["test"] else ""),
            event["start"],
            f"{event['duration_s']} s",
            _payload(event),
            _opts(event),
        ]
        for event in answer["events"]
    ]
    return [["EVENT", "MOD", "STATUS", "START", "DURATION", "VALUE", "OPTS"], *rows]


def event(answer: Json) -> Rows:
    """One event."""
    return events({"events": [answer]})


def _payload(item: Json) -> str:
    values = [interval["value"] for signal in item["signals"] for interval in signal["intervals"]]
    unit = item["signals"][0]["unit"]
    shown = f"{values[0]:g}" if len(set(values)) == 1 else f"{min(values):g}..{max(values):g}"
    return f"{shown} {unit}"


def _opts(item: Json) -> str:
    opts = [opt["opt"] for opt in item["opts"]]
    counted = [f"{opts.count(name)} {name}" for name in ("optIn", "optOut") if name in opts]
    expected = item.get("vens_expected")
    if expected is not None and expected > len(opts):
        counted.append(f"{expected - len(opts)} waiting")
    return ", ".join(counted) or "-"


def vens(answer: Json) -> Rows:
    """VENs and what they did."""
    rows = [
        [
            ven["ven_name"],
            ven["ven_id"],
            "revoked" if ven["revoked_at"] else "registered" if ven["registered"] else "not registered",
            ven["openadr_fingerprint"] or "-",
            ven["last_poll"] or "-",
            f"{ven['opt_in']} in, {ven['opt_out']} out",
            f"{ven['report_values']} to {ven['last_report_value']}" if ven["report_values"] else "-",
        ]
        for ven in answer["vens"]
    ]
    return [["VEN", "ID", "STATE", "FINGERPRINT", "LAST POLL", "OPTS", "REPORTED"], *rows]


def ven(answer: Json) -> Rows:
    """One VEN: as it stands, or its new certificate."""
    if "key" not in answer:
        return vens({"vens": [answer]})
    rows = [
        ["VEN", answer["ven_id"]],
        ["NAME", answer["ven_name"]],
        ["FINGERPRINT", answer["fingerprint"]],
        ["OPENADR FINGERPRINT", answer["openadr_fingerprint"]],
        ["VALID UNTIL", answer["not_after"]],
        ["VTN'S FINGERPRINT", answer["vtn_fingerprint"]],
    ]
    return [[key, str(value)] for key, value in rows]


def credentials(answer: Json) -> str:
    """Key, certificate and authority, which are shown once."""
    return (
        "\nKey: kept nowhere else, hand it over safely.\n"
        f"{answer['key']}\nCertificate:\n{answer['certificate']}\n"
        f"Authority, for the VEN's CA file:\n{answer['ca']}"
    )


def reports(answer: Json) -> Rows:
    """Points and their newest values."""
    rows = [
        [
            row["ven_id"],
            row["report_name"].removeprefix("METADATA_"),
            row["r_id"],
            row["resource_id"] or "-",
            row["request_id"],
            f"{row['origin']}: {_request_state(row)}",
            "-" if row["value"] is None else f"{row['value']:g} {row['unit']}".rstrip(),
            row["start"] or "-",
        ]
        for row in answer["reports"]
    ]
    return [["VEN", "REPORT", "POINT", "RESOURCE", "REQUEST", "STATE", "NEWEST VALUE", "AT"], *rows]


def _request_state(row: Json) -> str:
    if row["cancelled_at"]:
        return "cancelled" if row["cancel_confirmed_at"] else "cancelled, VEN not told yet"
    if row["confirmed_at"]:
        return f"every {row['granularity_s']} s"
    return f"refused: {row['refused']}" if row["refused"] else "VEN not told yet"
