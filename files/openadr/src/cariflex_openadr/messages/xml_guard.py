"""Refuse dangerous XML before any parser sees it.

lxml 5.4 to 6.1.3 with an XML schema attached crashes the whole process on a DTD internal entity, so neither
service may hand a document with a DTD to openleadr. OpenADR messages never need one.
"""

import re

MAX_BYTES = 2_000_000

_DECLARED_ENCODING = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_HARMLESS_MARKUP = (b"<!--", b"<![CDATA[")
_UTF8_BOM = b"\xef\xbb\xbf"


class UnsafeXmlError(ValueError):
    """The document may not reach the parser; the message says why."""


def check_xml(content: bytes) -> bytes:
    """Return ``content`` unchanged when a parser may read it.

    Only UTF-8 is let through: in UTF-16 or UTF-7 the markup searched for would be spelt with other bytes.

    Raises:
        UnsafeXmlError: empty, too large, not UTF-8, or any ``<!`` markup but comments and CDATA sections.
    """
    if not content.strip():
        raise UnsafeXmlError("XML document: empty; expected an OpenADR payload")
    if len(content) > MAX_BYTES:
        raise UnsafeXmlError(f"XML document: {len(content)} bytes; expected at most {MAX_BYTES}")
    if b"\x00" in content:
        raise UnsafeXmlError("XML document: NUL bytes; expected UTF-8")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnsafeXmlError("XML document: not UTF-8") from error
    declared = _DECLARED_ENCODING.match(content.removeprefix(_UTF8_BOM).lstrip())
    if declared and declared.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise UnsafeXmlError(f"XML document: encoding {declared.group(1).decode()!r}; expected UTF-8")
    position = content.find(b"<!")
    while position != -1:
        if not content.startswith(_HARMLESS_MARKUP, position):
            raise UnsafeXmlError("XML document: DOCTYPE or ENTITY markup; expected none")
        position = content.find(b"<!", position + 2)
    return content
