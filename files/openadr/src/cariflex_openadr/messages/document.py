"""OpenADR documents: parsed without DTD and entities, and held against the 2.0b schema."""

from typing import Any

from lxml import etree
from openleadr.messaging import XML_SCHEMA

from cariflex_openadr.messages.xml_guard import check_xml

OADR = "{http://openadr.org/oadr-2.0b/2012/07}"
EI = "{http://docs.oasis-open.org/ns/energyinterop/201110}"
PYLD = "{http://docs.oasis-open.org/ns/energyinterop/201110/payloads}"
EMIX = "{http://docs.oasis-open.org/ns/emix/2011/06}"
XCAL = "{urn:ietf:params:xml:ns:icalendar-2.0}"
STRM = "{urn:ietf:params:xml:ns:icalendar-2.0:stream}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"

Element = Any  # lxml ships no types


class MessageError(ValueError):
    """A message, or a part of it, cannot be read; says which element, its value and what was expected."""


def parse(content: bytes) -> Element:
    """The oadrPayload of a document that meets the schema: what VENs send us.

    The schema is applied after parsing: a parser with a schema attached crashes on DTD entities.

    Raises:
        MessageError: no well-formed XML, or not what the schema says.
        UnsafeXmlError: what ``check_xml`` refuses.
    """
    root = _tree(content)
    if not XML_SCHEMA.validate(root):
        problem = XML_SCHEMA.error_log.last_error
        where = f"line {problem.line}: {problem.message}" if problem is not None else "schema not met"
        raise MessageError(f"OpenADR message: {where}")
    if root.tag != f"{OADR}oadrPayload":
        raise MessageError(f"OpenADR message: {etree.QName(root).localname}; expected oadrPayload")
    return root


def read_document(content: bytes) -> Element:
    """The oadrPayload of a VTN's document, whose parts are checked one by one: a bad event harms no other.

    Raises:
        MessageError: no well-formed XML, or no OpenADR payload with exactly one signed object.
        UnsafeXmlError: what ``check_xml`` refuses.
    """
    root = _tree(content)
    # Of any namespace: a second one beside the signed one could be taken for it.
    signed = root.findall("{*}oadrSignedObject")
    tags = [root.tag, *(item.tag for item in signed)]
    if tags != [f"{OADR}oadrPayload", f"{OADR}oadrSignedObject"] or len(signed[0]) != 1:
        raise MessageError(f"XML document: {', '.join(tags)}; expected oadrPayload with one signed object")
    return root


def message_of(payload: Element) -> Element:
    """The one message inside oadrPayload's oadrSignedObject."""
    message = next(payload.find(f"{OADR}oadrSignedObject").iterchildren("*"), None)
    if message is None:
        raise MessageError("OpenADR message: oadrSignedObject is empty; expected one message")
    return message


def _tree(content: bytes) -> Element:
    # Without comments: inside an id one would hide what stands behind it.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(check_xml(content), parser)
    except etree.XMLSyntaxError as error:
        raise MessageError(f"XML document: {error.msg}; expected an OpenADR payload") from error
