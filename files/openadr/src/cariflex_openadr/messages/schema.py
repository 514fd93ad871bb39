"""Incoming documents: parsed without DTD and entities, checked against the OpenADR 2.0b schema."""

from typing import Any

from lxml import etree
from openleadr.messaging import XML_SCHEMA

OADR = "{http://openadr.org/oadr-2.0b/2012/07}"
EI = "{http://docs.oasis-open.org/ns/energyinterop/201110}"
PYLD = "{http://docs.oasis-open.org/ns/energyinterop/201110/payloads}"
EMIX = "{http://docs.oasis-open.org/ns/emix/2011/06}"
XCAL = "{urn:ietf:params:xml:ns:icalendar-2.0}"
STRM = "{urn:ietf:params:xml:ns:icalendar-2.0:stream}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"

Element = Any


class InvalidMessageError(ValueError):
    """The document is no OpenADR 2.0b message; the message says where."""


def parse(content: bytes) -> Element:
    """The oadrPayload element of a document that ``check_xml`` let through. Raises InvalidMessageError.

    The schema is applied after parsing: a parser with a schema attached crashes on DTD entities.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidMessageError(f"XML document: {error.msg}") from error
    if not XML_SCHEMA.validate(root):
        problem = XML_SCHEMA.error_log.last_error
        where = f"line {problem.line}: {problem.message}" if problem is not None else "schema not met"
        raise InvalidMessageError(f"OpenADR message: {where}")
    if root.tag != f"{OADR}oadrPayload":
        raise InvalidMessageError(f"OpenADR message: {etree.QName(root).localname}; expected oadrPayload")
    return root


def message_of(payload: Element) -> Element:
    """The one message inside oadrPayload's oadrSignedObject."""
    message = next(payload.find(f"{OADR}oadrSignedObject").iterchildren("*"), None)
    if message is None:
        raise InvalidMessageError("OpenADR message: oadrSignedObject is empty; expected one message")
    return message
