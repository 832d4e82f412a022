"""What makes messages belong together (RFC 3261 12): tags, sequence numbers, where the far end wants its requests."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.lab import sip

if TYPE_CHECKING:
    from tests.lab.phone import Phone

Headers = list[tuple[str, str]]
Answered = Callable[[sip.Message], None]


class Dialog:
    """Our half of one dialog; it sends and remembers, what happens is the call's affair."""

    def __init__(self, phone: Phone, invite: sip.Message, *, incoming: bool) -> None:
        self._phone = phone
        self._invite = invite
        self._tag = secrets.token_hex(5)
        self._cseq = 100
        self._target = invite.address("Contact").uri if incoming else invite.uri
        self._remote = invite.get("From") if incoming else invite.get("To")
        self._local = f"{invite.get('To')};tag={self._tag}" if incoming else invite.get("From")

    def learn(self, answer: sip.Message) -> None:
        """Take the far end's tag and address from an answer to our INVITE."""
        self._remote = answer.get("To") or self._remote
        if 200 <= answer.code < 300:
            self._target = answer.address("Contact").uri

    def respond(self, code: int, *, body: str = "", extra: Headers | None = None) -> None:
        """Answer the INVITE that began the dialog."""
        contact = [] if code >= 300 else [("Contact", self._phone.contact)]
        self._phone.reply(self._invite, code, tag=self._tag, extra=[*contact, *(extra or [])], body=body)

    def accept(self, request: sip.Message, body: str = "") -> None:
        """Answer an INVITE or UPDATE of this dialog with 200."""
        self._phone.reply(request, 200, tag=self._tag, extra=[("Contact", self._phone.contact)], body=body)

    def request(
        self, method: str, headers: Headers | None = None, body: str = "", answered: Answered | None = None
    ) -> None:
        self._cseq += 1
        message = self._new(method, self._cseq, [("Contact", self._phone.contact), *(headers or [])])
        message.body = body
        self._phone.send_request(message, answered or (lambda _: None))

    def acknowledge(self, answer: sip.Message) -> None:
        """ACK a 2xx: a transaction of its own."""
        self._phone.send_new(self._new("ACK", answer.cseq[0], []))

    def cancel(self) -> None:
        """CANCEL our INVITE: same branch, same request line (RFC 3261 9.1)."""
        wanted = {"Via", "From", "To", "Call-ID", "Max-Forwards"}
        headers = [header for header in self._invite.headers if header[0] in wanted]
        cancel = sip.Message("CANCEL", self._invite.uri, headers=headers)
        cancel.headers.append(("CSeq", f"{self._invite.cseq[0]} CANCEL"))
        self._phone.send(cancel)

    @property
    def replacing_uri(self) -> str:
        """The Refer-To that lets another call take this dialog's place (RFC 3891), seen from the far end."""
        remote = sip.parse_address(self._remote)
        tags = f"to-tag={remote.tag};from-tag={sip.parse_address(self._local).tag}"
        return f"{remote.uri}?Replaces={quote(f'{self._invite.call_id};{tags}', safe='')}"

    def _new(self, method: str, number: int, headers: Headers) -> sip.Message:
        head = [
            ("From", self._local), ("To", self._remote), ("Call-ID", self._invite.call_id),
            ("CSeq", f"{number} {method}"), ("Max-Forwards", "70"),
        ]  # fmt: skip
        return sip.Message(method, self._target, headers=[*head, *headers])
