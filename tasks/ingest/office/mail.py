"""Read a mail (eml): who wrote whom, when and about what, and its text; attachments are named, not read.

Source: RFC 5322 and MIME, by `email` of the standard library.
"""

import email
import email.policy
from email.message import EmailMessage, MIMEPart
from email.utils import parsedate_to_datetime

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
    text, was_html = _body(mail)
    attached = [_name(part) for part in mail.iter_attachments()] if mail.is_multipart() else []
    if attached:
        lines.append(f"Attachments: {', '.join(attached)}")
    found = OfficeContents(_header(mail, "Subject"), "\n".join([*lines, "", text.strip("\n")]).rstrip())
    found.counts.update(mails_of_html=was_html, undecodable=text.count(UNKNOWN))
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


def _body(mail: EmailMessage) -> tuple[str, bool]:
    """Return the text that is to be read, and whether it was made of HTML."""
    part = mail.get_body(("plain", "html"))
    if part is None:
        return "", False
    text = _text(part)
    if part.get_content_type() == "text/plain" and text.strip():
        return text.replace("\r\n", "\n"), False
    other = part if part.get_content_type() == "text/html" else mail.get_body(("html",))
    return (plain_html(_text(other))[0], True) if other is not None else (text, False)


def _text(part: MIMEPart) -> str:
    """Return the text of a part; where its charset is not known it is read as UTF-8."""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _name(part: MIMEPart) -> str:
    return " ".join((part.get_filename() or part.get_content_type()).split())[:100]
