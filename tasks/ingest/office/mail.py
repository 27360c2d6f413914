"""Read a mail (eml): who wrote whom, when and about what, and its text; attachments are named, not read.

Source: RFC 5322 and MIME, by `email` of the standard library.
"""

import email
import email.policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

from tasks.ingest.dialects import SURE, find_encoding
from tasks.ingest.html import plain_html
from tasks.ingest.office.contents import FileRefused, OfficeContents

HEADERS = ("From", "To", "Cc", "Date", "Subject")
LOCKED = ("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted")
UNKNOWN = "\ufffd"


def read(content: bytes) -> OfficeContents:
    """Return the text of a mail.

    Raises:
        FileRefused: It is no mail, or is encrypted.
    """
    mail = email.message_from_bytes(content, policy=email.policy.default)
    if not any(mail[name] for name in ("From", "Date", "Subject")):
        raise FileRefused("unreadable", "is not a mail: it has no sender, date or subject; save it again as eml")
    if mail.get_content_type() in LOCKED and mail.get_param("smime-type") != "signed-data":
        raise FileRefused("encrypted", "is encrypted; save it decrypted")
    lines = [f"{name}: {said}" for name in HEADERS if (said := _header(mail, name))]
    guessed: set[str] = set()
    text, was_html = _body(mail, guessed)
    others = list(mail.iter_attachments()) if mail.is_multipart() else []
    more = [part for part in others if _is_body(part)]
    text = "\n\n".join([text, *(_shown(part, guessed) for part in more)])
    attached = [_name(part) for part in others if part not in more]
    if attached:
        lines.append(f"Attachments: {', '.join(attached)}")
    found = OfficeContents(_header(mail, "Subject"), "\n".join([*lines, "", text.strip("\n")]).rstrip())
    found.counts.update(mails_of_html=was_html, undecodable=found.text.count(UNKNOWN))
    if unsure := sorted(guessed.difference(SURE)):
        found.meta["encoding"] = unsure[0]
    named = ", ".join(attached[:10])
    found.leave("attachments", len(attached), "attachment", f" ({named}): save them beside the mail")
    return found


def _header(mail: EmailMessage, name: str) -> str:
    """Return a header in one line, a date as ISO; what cannot be parsed as it is written."""
    try:
        said = " ".join(str(mail[name] or "").split())
        return parsedate_to_datetime(said).isoformat(" ") if name == "Date" and said else said
    except (ValueError, TypeError, IndexError, AttributeError):
        return " ".join(str(dict(mail.raw_items()).get(name, "")).split())


def _is_body(part: MIMEPart) -> bool:
    """Return whether a part beside the body is more of it: text that has no name and is not called an attachment."""
    named = part.get_filename() or part.get_content_disposition() == "attachment"
    return part.get_content_type() in ("text/plain", "text/html") and not named


def _shown(part: MIMEPart, guessed: set[str]) -> str:
    text = _text(part, guessed)
    return plain_html(text)[0] if part.get_content_type() == "text/html" else text.replace("\r\n", "\n").strip("\n")


def _body(mail: EmailMessage, guessed: set[str]) -> tuple[str, bool]:
    """Return the text that is to be read, and whether it was made of HTML; encodings that were guessed are added."""
    part = mail.get_body(("plain", "html"))
    if part is None:
        return "", False
    text = _text(part, guessed)
    if part.get_content_type() == "text/plain" and text.strip():
        return text.replace("\r\n", "\n"), False
    other = part if part.get_content_type() == "text/html" else mail.get_body(("html",))
    return (plain_html(_text(other, guessed))[0], True) if other is not None else (text, False)


def _text(part: MIMEPart, guessed: set[str]) -> str:
    """Return the text of a part; where it does not say truly how it is written, that is found and added."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("ascii"))
    except (LookupError, ValueError):
        written = find_encoding(payload)
        guessed.add(written)
        return payload.decode(written, "replace")


def _name(part: MIMEPart) -> str:
    return " ".join((part.get_filename() or part.get_content_type()).split())[:100]
