"""The guard in front of the XML parser."""

import pytest

from cariflex_openadr.messages.xml_guard import MAX_BYTES, UnsafeXmlError, check_xml

BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        BOMB.lower(),
        b"\xef\xbb\xbf" + BOMB,
        BOMB.decode().encode("utf-16"),
        BOMB.decode().encode("utf-16-be"),
        b'<?xml version="1.0" encoding="UTF-7"?>+ADw-+ACE-DOCTYPE a+AD4-<a/>',
        b"<?xml version='1.0'  encoding='cp037'?><a/>",
        b"<a>\xff</a>",
        b"<a><!-- fine --><!ELEMENT b ANY></a>",
        b"",
        b" \n",
        b"<a>" + b" " * MAX_BYTES + b"</a>",
    ],
)
def test_check_xml__dangerous__refused(content: bytes) -> None:
    with pytest.raises(UnsafeXmlError):
        check_xml(content)


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0" encoding="utf-8"?><a/>',
        b"<a><!-- a comment --><![CDATA[text]]></a>",
        "<a>Fort-de-France, 23 ° C</a>".encode(),
    ],
)
def test_check_xml__plain__unchanged(content: bytes) -> None:
    assert check_xml(content) is content
