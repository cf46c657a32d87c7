"""Reading letters: what was written now, what was quoted, what no person wrote.

Standards: RFC 5322 (threads), 3464 (delivery reports), 3834 (automatic answers), 8601 (who vouches).
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from html.parser import HTMLParser

from bot.channels.inbound import (
    Attachment,
    Content,
    FileKind,
    Files,
    Inbound,
    Origin,
    Receipt,
    ReceiptState,
    clean,
    written,
)
from bot.channels.port import Forged, Reason

CHANNEL = "email"
THREAD = 20  # Message-IDs that are kept of a thread
TEXT_LIMIT = 20_000  # characters; a letter is no book
_IDS = re.compile(r"<[^<>\s]{3,200}>")
_OURS = re.compile(r"(?P<key>[A-Za-z0-9-]{1,40})\.(?P<part>\d{1,3})\.(?P<seal>[0-9a-f]{20})")
_KINDS = {"image": FileKind.PHOTO, "audio": FileKind.VOICE, "video": FileKind.VIDEO}


@dataclass(frozen=True)
class Postmark:
    """How our own letters are recognised: their Message-ID and reply address carry a seal."""

    address: str  # the mailbox
    seal_key: bytes
    plus: bool = False  # the server takes `name+anything@domain`

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def message_id(self, key: str, part: int) -> str:
        """The same at every attempt, so that whoever got it twice shows it once."""
        return f"<{self._sealed(key, part)}@{self.domain}>"

    def reply_to(self, key: str, part: int) -> str:
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{self._sealed(key, part)}@{domain}"

    def recognise(self, text: str) -> str | None:
        """The Message-ID of the letter of ours that an id or an address names; None when it is none."""
        found = _OURS.search(text)
        if found is None:
            return None
        ours = self.message_id(found["key"], int(found["part"]))
        named = f"<{found[0]}@{self.domain}>"
        return ours if hmac.compare_digest(ours.encode(), named.encode()) else None

    def _sealed(self, key: str, part: int) -> str:
        what = f"{key}.{part}"
        return f"{what}.{hmac.new(self.seal_key, what.encode(), hashlib.sha256).hexdigest()[:20]}"


def parse(
    raw: bytes, place: str, account: str, postmark: Postmark, authentication: str = ""
) -> Inbound | None:
    """What a letter says; None for what no person wrote.

    Args:
        place: where the letter lies; files are named by it.
        authentication: the name of our own mail server; then it must vouch for the sender.

    Raises:
        Forged: the sender's domain does not stand by the letter.
    """
    letter = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(letter, EmailMessage)
    event_id = _event_id(letter, raw)
    if report := _bounce(letter, postmark):
        return Inbound(CHANNEL, account, event_id, _header(letter, "From")[:160] or "-", report)
    sender = _sender(letter)
    if not sender or _automatic(letter) or sender == postmark.address:
        return None
    if authentication and not vouched(letter, sender, authentication):
        raise Forged
    content = _content(letter, place)
    if content is None:
        return None
    name = clean(_first(letter, "From").display_name)[:100]
    return Inbound(CHANNEL, account, event_id, sender, content, None, _origin(letter, postmark), name)


def attachment(raw: bytes, index: int) -> bytes | None:
    """The content of a letter's file."""
    letter = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(letter, EmailMessage)
    for number, part in enumerate(letter.walk()):
        if number == index and isinstance(found := part.get_payload(decode=True), bytes):
            return found
    return None


def vouched(letter: EmailMessage, sender: str, server: str) -> bool:
    """Whether our own mail server found the sender's domain to stand by this letter.

    Only the topmost result counts: whoever sent the letter may have written others into it.
    """
    results = letter.get_all("Authentication-Results", [])
    result = " ".join(str(results[0]).split()).lower() if results else ""
    if result.partition(";")[0].split(" ")[0] != server.lower():
        return False
    domain = sender.rpartition("@")[2]
    if re.search(r"\bdmarc=pass\b", result):
        return True
    if re.search(r"\bdmarc=fail\b", result):
        return False
    signed = re.findall(r"\bdkim=pass\b[^;]*?header\.[di]=@?([\w.-]+)", result)
    mailed = re.findall(r"\bspf=pass\b[^;]*?smtp\.mailfrom=(?:[^@;\s]*@)?([\w.-]+)", result)
    return any(domain == each or domain.endswith(f".{each}") for each in signed + mailed if "." in each)


def _event_id(letter: EmailMessage, raw: bytes) -> str:
    known = _header(letter, "Message-ID").strip()
    if not known:
        return hashlib.sha256(raw).hexdigest()
    return known if len(known) <= 150 else hashlib.sha256(known.encode()).hexdigest()


def _header(letter: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(letter.get(name, "")).split())
    except (ValueError, IndexError, AttributeError):  # the parser gives up on some monsters
        return ""


def _first(letter: EmailMessage, name: str) -> Address:
    try:
        found = letter[name].addresses
        return found[0] if found else Address()
    except (AttributeError, ValueError, IndexError):
        return Address()


def _sender(letter: EmailMessage) -> str:
    address = _first(letter, "From").addr_spec.lower()
    return address if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address) and len(address) <= 160 else ""


def _automatic(letter: EmailMessage) -> bool:
    """Whether a machine wrote this; an answer might begin an endless exchange."""
    return (
        _header(letter, "Auto-Submitted").lower() not in ("", "no")
        or _header(letter, "Precedence").lower() in ("bulk", "junk", "list")
        or bool(_header(letter, "X-Auto-Response-Suppress"))
        or bool(_header(letter, "List-Id"))
        or _header(letter, "Return-Path") == "<>"
        or letter.get_content_type() == "multipart/report"
        or _sender(letter).partition("@")[0] in ("mailer-daemon", "postmaster", "noreply", "no-reply")
    )


def _origin(letter: EmailMessage, postmark: Postmark) -> Origin:
    own = _IDS.findall(_header(letter, "Message-ID"))
    answered = _IDS.findall(_header(letter, "In-Reply-To"))
    thread = list(dict.fromkeys(_IDS.findall(_header(letter, "References")) + answered))
    to = [address for _, address in getaddresses([_header(letter, "To"), _header(letter, "Cc")])]
    named = answered + thread[::-1] + to
    quotes = next((ours for each in named if (ours := postmark.recognise(each))), "")
    ref = own[0] if own else ""
    return Origin(ref, quotes, clean(_header(letter, "Subject"))[:200], tuple(thread[-THREAD:]))


def _content(letter: EmailMessage, place: str) -> Content | None:
    text = _text(letter)
    subject = clean(_header(letter, "Subject"))
    if not letter["In-Reply-To"] and not re.match(r"(?i)(re|fwd?|отв|на)\s*:", subject):
        # the first letter of a thread often says the matter in its subject only
        text = f"{subject}\n{text}".strip() if subject.casefold() not in text.casefold() else text
    files = tuple(_files(letter, place))
    if files:
        return Files(files, text)
    return written(text) if text else None


def _text(letter: EmailMessage) -> str:
    body = letter.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        content = body.get_content()
    except (LookupError, ValueError):  # an unknown charset
        payload = body.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    if not isinstance(content, str):
        return ""
    if body.get_content_type() == "text/html":
        content = _plain(content)
    return clean(unquoted(clean(content)))[:TEXT_LIMIT]


def _files(letter: EmailMessage, place: str) -> list[Attachment]:
    body = letter.get_body(("plain", "html"))
    found = []
    for number, part in enumerate(letter.walk()):
        name = clean(part.get_filename() or "")
        if (
            part.is_multipart()
            or part is body
            or not (name or part.get_content_disposition() == "attachment")
        ):
            continue
        type_ = part.get_content_type()
        kind = _KINDS.get(part.get_content_maintype(), FileKind.DOCUMENT)
        payload = part.get_payload(decode=True)
        size = len(payload) if isinstance(payload, bytes) else None
        found.append(Attachment(kind, f"{place}.{number}", name[:200], type_, size))
    return found


# ---- delivery reports ----


def _bounce(letter: EmailMessage, postmark: Postmark) -> Receipt | None:
    """What a delivery report says about a letter of ours; the seal in its id cannot be made up."""
    if letter.get_content_type() != "multipart/report":
        return None
    status = action = ref = ""
    for part in letter.walk():
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            fields = str(part)
            status = status or _field(fields, "Status")
            action = action or _field(fields, "Action").lower()
        elif kind in ("message/rfc822", "text/rfc822-headers"):
            ref = ref or (postmark.recognise(_field(part.as_string(), "Message-ID")) or "")
    if not ref or action not in ("failed", "delivered"):
        return None
    if action == "delivered":
        return Receipt(ref, ReceiptState.DELIVERED)
    nobody = status.startswith(("5.1.", "5.2.1", "5.4.4"))
    return Receipt(ref, ReceiptState.FAILED, Reason.DEAD_ADDRESS if nobody else Reason.REFUSED)


def _field(text: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}:[ \t]*(.*(?:\r?\n[ \t]+.*)*)$", text)
    return " ".join(found[1].split()) if found else ""


# ---- quotes and signatures ----

_ATTRIBUTION = re.compile(
    r"^(?:on\b.{4,200}\bwrote:|am\b.{4,200}\bschrieb.{0,80}:|.{3,200}(?:пишет|писал|написал)(?:\(?а\)?|и)?\s*:"
    r"|.{3,200}<\S+@\S+>\s*:)$",
    re.IGNORECASE | re.DOTALL,
)
_FORWARDED = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|исходное сообщение|пересл\w+ сообщение|forwarded message)\s*-{2,}"
    r"|_{10,}"
    r"|\*?(?:от кого|от|from)\*?:\s*\S.*@.*)\s*$",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    r"^(?:-- ?|(?:отправлено (?:с|из)|sent from|get outlook for|с уважением,? команда)\b.*)$",
    re.IGNORECASE,
)


def unquoted(text: str) -> str:
    """What was written now, without the letter it answers and without the signature."""
    lines = text.split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if _FORWARDED.match(line) or _SIGNATURE.match(line.strip()):
            break
        if length := _attribution(lines, at):
            at += length
            if not _quote_follows(lines, at):
                break  # everything below is the letter that is answered
            continue
        if not line.lstrip().startswith(">"):
            kept.append(line)
        at += 1
    said = "\n".join(kept).strip()
    return said or "\n".join(line.lstrip("> ") for line in lines).strip()


def _attribution(lines: list[str], at: int) -> int:
    """How many lines «… пишет:» takes here; 0 when it is none."""
    for length in (1, 2):
        if _ATTRIBUTION.match("\n".join(lines[at : at + length]).strip()) and _dated(lines[at : at + length]):
            return length
    return 0


def _dated(lines: list[str]) -> bool:
    """A person may well write «мой муж пишет:»; a mail program names a date or an address."""
    return bool(re.search(r"\d{1,2}[:.]\d{2}|\b(?:19|20)\d\d\b|@", " ".join(lines)))


def _quote_follows(lines: list[str], at: int) -> bool:
    following = next((line for line in lines[at:] if line.strip()), "")
    return following.lstrip().startswith(">")


class _Plain(HTMLParser):
    """The words of an HTML letter; quotes and styles are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._skipping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        quote = tag == "blockquote" or "gmail_quote" in (dict(attrs).get("class") or "")
        if self._skipping:
            if tag == self._skipping[0]:
                self._skipping.append(tag)
        elif tag in ("style", "script", "head") or quote:
            self._skipping = [tag]
        elif tag in ("br", "p", "div", "tr", "li"):
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._skipping and tag == self._skipping[0]:
            self._skipping.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.words.append(re.sub(r"\s+", " ", data))


def _plain(content: str) -> str:
    parser = _Plain()
    parser.feed(content)
    parser.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(parser.words))
