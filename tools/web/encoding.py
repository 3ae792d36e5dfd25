"""Bytes of a page into text, by its byte order mark, its header or what it says of itself. Pure.

Only encodings that browsers read as well are used; a label that a page makes up picks no other
decoder.
"""

import re

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{1,40})", re.IGNORECASE)
_META = re.compile(rb"<meta\b[^>]{0,400}?charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]{1,40})", re.I)
_XML = re.compile(rb"^\s*<\?xml\b[^>]{0,200}?encoding\s*=\s*[\"']([a-zA-Z0-9_:.-]{1,40})")
_META_WITHIN = 4096
"""Bytes at the beginning of a page in which it may say how it is encoded."""
_SAME = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8",
    "cp1252": "ascii us-ascii iso-8859-1 iso8859-1 latin1 latin-1 l1 windows-1252 cp1252",
    "gb18030": "gb2312 gbk gb18030 x-gbk chinese gb_2312-80",
    "big5": "big5 big5-hkscs x-x-big5",
    "shift_jis": "shift_jis shift-jis sjis windows-31j x-sjis ms_kanji",
    "euc_jp": "euc-jp x-euc-jp",
    "iso2022_jp": "iso-2022-jp",
    "cp949": "euc-kr ks_c_5601-1987 korean windows-949",
    "koi8_r": "koi8-r koi8",
    "koi8_u": "koi8-u",
    "cp866": "ibm866 cp866",
    "mac_roman": "macintosh mac",
    "cp874": "windows-874 tis-620 iso-8859-11",
    "cp1254": "windows-1254 cp1254 iso-8859-9 latin5",
    "utf-16-le": "utf-16 utf-16le",
    "utf-16-be": "utf-16be",
}
_CODECS = {label: codec for codec, labels in _SAME.items() for label in labels.split()}
_CODECS |= {f"iso-8859-{n}": f"iso8859_{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
_CODECS |= {f"windows-{n}": f"cp{n}" for n in (1250, 1251, 1253, 1255, 1256, 1257, 1258)}


def decode(body: bytes, content_type: str = "") -> str:
    """The text of a page; bytes that do not belong become replacement marks.

    Args:
        body: The bytes.
        content_type: The header of that name, which may name an encoding.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace")
    named = _CHARSET.search(content_type)
    codec = _CODECS.get(named[1].lower(), "") if named else ""
    if not codec:
        begin = body[:_META_WITHIN]
        said = _META.search(begin) or _XML.search(begin)
        codec = _CODECS.get(said[1].decode("ascii").lower(), "") if said else ""
        if codec.startswith("utf-16"):
            codec = "utf-8"  # it could not have been read so far
    if codec:
        return body.decode(codec, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end >= len(body) - 3 and error.reason == "unexpected end of data":
            return body.decode("utf-8", "replace")  # cut within a character
        return body.decode("cp1252", "replace")
