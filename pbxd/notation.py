"""How people and trunks write numbers: from any text to bare digits, without their meaning. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST_TEXT = 200  # characters; a number with a display name and SIP parameters is shorter
E164 = re.compile(r"\+[1-9][0-9]{1,14}")  # ITU-T E.164 with its plus
# The client's extension behind a company's main number: what Dial(…,D(…)) sends; w and W are pauses.
EXTENSION = re.compile(r"[0-9*#A-DwW]{1,32}")

# A word for a withheld number, alone or with a noun: "Private Caller", "Caller ID blocked", «номер скрыт».
_WITHHELD_WORDS = (
    r"anonymous|withheld|with held|unknown|private|restricted|unavailable|not available|blocked|unidentified|hidden"
    r"|suppressed|undisclosed|undefined|not provided|out of area|no caller id|no cli|no number|no id"
    r"|anonymous\.invalid|аноним|анонимн(?:ый|ая|о|ен)|анон[іи]мний|скрыт(?:ый|ая|о)?|засекречен(?:ный|о)?"
    r"|неизвест(?:ный|но|ен|на)|недоступ(?:ен|ный|но)|не определ(?:ен|ился|яется)|неопредел(?:ен|енный)"
    r"|запрещен(?:о)?|приватный|частный номер|без номера|нет номера|вне зоны(?: действия(?: сети)?)?"
    r"|прихован(?:ий|о)|невідом(?:ий|о)|схаваны|невядомы"
)
_WITHHELD_OF = (
    r"the|callers?|number|name|call|id|callerid|cid|cli|party|user|subscriber|line|address"
    r"|номер|абонент(?:а)?|звонок|вызов|звонящий|звонящего|аон|нумар"
)
_WITHHELD = re.compile(rf"(?:(?:{_WITHHELD_OF}) )*(?:is )?(?:{_WITHHELD_WORDS})(?: (?:{_WITHHELD_OF}))*")

_ADDRESS = re.compile(r"[^<]*<(?P<inner>[^<>]*)>(;.*)?")
_SCHEME = re.compile(r"(?i)(?P<scheme>sips?|tel):")
_PARAMETERS = re.compile(r"(;[a-zA-Z][\w.-]*(=[^;]*)?)+$")
# RFC 3966 `ext`, RFC 2806 `postd`; `wait` and `pause` of address books. Pauses before the digits say nothing.
_PARAMETER_EXTENSION = re.compile(r"(?i);(?:ext|postd|post-dial|wait|pause)=[,pw]*([\d*#a-dw]{1,32})(;|$)")
_SPREADSHEET_FLOAT = re.compile(r"\d{10,15}\.0")
_EXTENSION = re.compile(
    r"""(?P<number>.*?\d\)?) [\s(,;]* (?:
        (?: доб(?:авочн\w*)? | вн(?:утр(?:енн\w*)?)? | ext(?:n|ension)? | [xх] ) [\s.:№\#-]*
            (?P<named>[\d*\#a-dw]{1,32})
        | (?: [,;]+ | \#+ | [pw]+ ) \s* (?P<bare>[\d*\#w]{1,6}) )  # longer after a comma: a second number
        \s* \)?""",
    re.IGNORECASE | re.VERBOSE,
)
# In folded text. Every branch begins with a letter, so that the search for it is quick.
_NAMED_EXTENSION = re.compile(
    r"(?:(?:доб(?<![^\W\d_]доб)(?:авочн\w*)?|вн(?<![^\W\d_]вн)(?:утр(?:енн\w*)?)?|ext(?<![^\W\d_]ext)(?:n|ension)?)"
    r"[\s.:№#-]*|[xх](?:(?<=\d{4}.)|(?<=\d{4} .))[\s.:]?)"  # x behind a number; alone it may be a name
    r"(?P<keys>[\d*#][\d*#a-dw]{0,31})(?!\w)"
)
_FRAGMENT = re.compile(r"\(?\+?[0-9 ()./-]*[0-9][0-9 ()./-]*")
_WRITTEN = re.compile(r"\(?\s*\+?[\d\s()./~-]*\d[\s().-]*")


def cleaned(text: str) -> str | None:
    """Return digits, dashes, spaces and the plus in ASCII, without invisible marks; None for a control character.

    A line break in a cell separates two numbers; they must not become one.
    """
    characters = [_plain(character) for character in text.strip().strip("'\"=").strip()]
    if None in characters:
        return None
    plain = " ".join("".join(filter(None, characters)).split())
    return plain.removesuffix(".0") if _SPREADSHEET_FLOAT.fullmatch(plain) else plain


@lru_cache(maxsize=2048)
def _plain(character: str) -> str | None:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category in {"Pd", "Zs"} or character in "\t\u2212\u00ad\uff0b":
        return {"\uff0b": "+", "\u2212": "-"}.get(character, "-" if category == "Pd" else " ")
    if category == "Cf":
        return ""
    return None if category[0] in "CZ" else character


def means_withheld(text: str) -> bool:
    """Tell whether the text is empty or a word for a withheld number, in upper or lower case."""
    word = " ".join(re.sub(r"[-_]", " ", text.strip("\"'<>()[]. ")).casefold().replace("ё", "е").split())
    return not text or bool(_WITHHELD.fullmatch(word))


def without_address(text: str) -> tuple[str, str]:
    """Extract the number from `"Name" <sip:number@host;parameters>`, and the extension of `tel:…;ext=12` (RFC 3966)."""
    if wrapped := _ADDRESS.fullmatch(text):
        text = wrapped["inner"].strip()
    scheme = _SCHEME.match(text)
    if scheme:
        text = text[scheme.end() :]
    if text.casefold().rstrip(".").endswith("@anonymous.invalid"):
        return "", ""
    extension = _keys(found[1]) if (found := _PARAMETER_EXTENSION.search(text)) else ""
    user, at, _host = text.partition("@")
    if scheme and not at and scheme["scheme"].lower() != "tel" and "." in text:
        return "@", ""  # a host without a user: do not read its address as a number
    if at:
        user = user.partition(":")[0] if scheme else user
    user = _PARAMETERS.sub("", user).strip()
    return re.sub(r"(?i)%2b", "+", user), extension


def without_extension(text: str) -> tuple[str, str]:
    """Split `84951234567 доб. 123` into the number and the client's extension, which may be empty."""
    split = _EXTENSION.fullmatch(text)
    return (split["number"], _keys(split["named"] or split["bare"])) if split else (text, "")


def named_extensions(text: str) -> tuple[str, list[str]]:
    """Return a folded text without the extensions that it names, and these: of `иванов доб. 15` `иванов` and `15`."""
    found = [each["keys"] for each in _NAMED_EXTENSION.finditer(text)]
    return (_NAMED_EXTENSION.sub(" ", text), found) if found else (text, found)


def _keys(extension: str) -> str:
    """Return the keys A to D in upper case; w and W stay, they are pauses of different length."""
    return re.sub("[a-d]", lambda key: key[0].upper(), extension)


def fragments(text: str) -> tuple[str, ...]:
    """Return which parts of an E.164 number a typed fragment can be: `8 916` is `8916` or `+7916`.

    Empty unless the text has only digits and the usual signs between them. A leading 8 means +7 in Russia, 0 is the
    trunk prefix of most other countries, 810 and 00 mean the plus.
    """
    if not _FRAGMENT.fullmatch(text.strip()):
        return ()
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if "+" in text:
        return (f"+{digits}",)
    meant = [digits]
    for prefix, instead in (("810", "+"), ("8", "+7"), ("00", "+"), ("0", "")):
        if digits.startswith(prefix) and len(digits) > len(prefix):
            meant.append(instead + digits.removeprefix(prefix))
    return tuple(meant)


def compact(text: str) -> str | None:
    """Return the digits, with a leading plus if there is one; None if the text is not written as one number."""
    return re.sub(r"[^\d+]", "", text) if _WRITTEN.fullmatch(text) else None
