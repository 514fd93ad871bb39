"""Reading OpenADR messages element by element.

openleadr's own parser turns ids of digits into numbers (``007`` comes back as 7), durations that it does not
understand into zero, and refuses a whole message for one bad event: what a VEN acts on is read here instead.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from cariflex_openadr.messages.xml_guard import check_xml

Element = Any  # lxml ships no types
OADR = "{http://openadr.org/oadr-2.0b/2012/07}"

_DURATION = re.compile(
    r"\+?P(?:(\d{1,6})W|(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8}(?:\.\d+)?)S)?)?)"
)


class MessageError(ValueError):
    """The message, or a part of it, cannot be read; says which element, its value and what was expected."""


def read_document(content: bytes) -> Element:
    """The oadrPayload of a document.

    Raises:
        MessageError: no well-formed XML, or no OpenADR payload with exactly one signed object.
        UnsafeXmlError: what ``check_xml`` refuses.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(check_xml(content), parser)
    except etree.XMLSyntaxError as error:
        raise MessageError(f"XML document: {error}; expected an OpenADR payload") from error
    # Of any namespace: a second one beside the signed one could be taken for it.
    signed = root.findall("{*}oadrSignedObject")
    tags = [root.tag, *(item.tag for item in signed)]
    if tags != [f"{OADR}oadrPayload", f"{OADR}oadrSignedObject"] or len(signed[0]) != 1:
        raise MessageError(f"XML document: {', '.join(tags)}; expected oadrPayload with one signed object")
    return root


def message_of(document: Element) -> Element:
    """The message inside the signed object; ``name_of`` tells which one it is."""
    return document.find(f"{OADR}oadrSignedObject")[0]


def read_message(content: bytes) -> Element:
    """The message inside a document. Raises as ``read_document``."""
    return message_of(read_document(content))


def name_of(element: Element) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(element).localname)


def find(element: Element, path: str) -> Element | None:
    """The first element at ``path``: local names joined by slashes."""
    return element.find("/".join("{*}" + name for name in path.split("/")))


def find_all(element: Element, path: str) -> list[Element]:
    """All elements at ``path``."""
    return list(element.findall("/".join("{*}" + name for name in path.split("/"))))


def text(element: Element, path: str) -> str:
    """Text at ``path`` without surrounding white space, empty when there is none."""
    found = find(element, path)
    return (found.text or "").strip() if found is not None else ""


def required_text(element: Element, path: str) -> str:
    """Text at ``path``, which may not be empty."""
    found = text(element, path)
    if not found:
        raise MessageError(f"{name_of(element)}: no {path}; expected a text")
    return found


def whole_number(element: Element, path: str) -> int:
    """Number of 0 or more at ``path``."""
    found = text(element, path)
    if not re.fullmatch(r"\d{1,9}", found):
        raise MessageError(f"{path}: {found!r}; expected a whole number")
    return int(found)


def decimal(element: Element, path: str) -> float:
    """Finite number at ``path``."""
    found = text(element, path)
    try:
        value = float(found)
    except ValueError as error:
        raise MessageError(f"{path}: {found!r}; expected a number") from error
    if not math.isfinite(value):
        raise MessageError(f"{path}: {found!r}; expected a finite number")
    return value


def moment(element: Element, path: str) -> datetime:
    """Moment at ``path``, with its offset, as UTC."""
    found = text(element, path)
    try:
        value = datetime.fromisoformat(found)
        if value.tzinfo is None:
            raise ValueError("no offset")
        return value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MessageError(f"{path}: {found!r}; expected a date and time in UTC") from error


def duration(element: Element, path: str) -> timedelta:
    """Duration at ``path``. Years and months are no fixed time, and refused. openleadr writes P for none."""
    found = text(element, path)
    parts = _DURATION.fullmatch(found)
    if parts is None:
        raise MessageError(f"{path}: {found!r}; expected a duration such as PT1H")
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
