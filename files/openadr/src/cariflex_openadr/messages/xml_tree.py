"""Reading a VTN's messages element by element.

openleadr's own parser turns ids of digits into numbers (``007`` comes back as 7), durations that it does not
understand into zero, and refuses a whole message for one bad event: what a VEN acts on is read here instead.
"""

import math
import re
from datetime import datetime, timedelta

from lxml import etree

from cariflex_openadr.messages.document import Element, MessageError
from cariflex_openadr.messages.times import parse_fixed_duration, parse_moment


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
    return parse_moment(text(element, path), path)


def duration(element: Element, path: str) -> timedelta:
    """Duration at ``path``; one without a fixed length is refused."""
    return parse_fixed_duration(text(element, path), path)
