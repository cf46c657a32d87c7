"""Phone numbers and e-mail addresses as people write them, and as they are stored."""

import re
from dataclasses import dataclass

import phonenumbers

from crm_bridge.models import ContactKind, NoticeChannel

EMAIL_LIMIT = 254  # RFC 5321, 4.5.3.1.3
TEXT_LIMIT = 500  # nobody needs more words to name a contact
_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\"'«»]+"
    r"@(?:[^\W_](?:[\w-]*[^\W_])?\.)+"
    r"(?:xn--[\w-]*[^\W_]|[^\W\d_]{2,})(?![\w@-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A phone (E.164) or an e-mail (lower case)."""

    kind: ContactKind
    value: str

    @property
    def channel(self) -> NoticeChannel:
        """How a message gets there."""
        return NoticeChannel.SMS if self.kind is ContactKind.PHONE else NoticeChannel.EMAIL

    @property
    def masked(self) -> str:
        """Enough to recognise one's own, too little to learn somebody else's."""
        if self.kind is ContactKind.PHONE:
            return f"{self.value[:2]}•••{self.value[-2:]}"
        name, _, domain = self.value.rpartition("@")
        return f"{name[0]}•••@{domain}"


def read_contact(text: str, region: str = "RU") -> Contact | None:
    """The one contact that a text names, or None.

    Args:
        region: the country whose numbers are written without a country code.
    """
    text = text[:TEXT_LIMIT]
    contacts = _emails(text) or _phones(text, region)
    return contacts.pop() if len(contacts) == 1 else None


def _emails(text: str) -> set[Contact]:
    found = (match.group().strip(".").lower() for match in _EMAIL.finditer(text))
    return {Contact(ContactKind.EMAIL, email) for email in found if _is_email(email)}


def _is_email(text: str) -> bool:
    return len(text) <= EMAIL_LIMIT and _EMAIL.fullmatch(text) is not None


def _phones(text: str, region: str) -> set[Contact]:
    found = phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.POSSIBLE)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return {Contact(ContactKind.PHONE, phonenumbers.format_number(match.number, e164)) for match in found}
