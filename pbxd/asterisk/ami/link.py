"""One AMI connection. Only this module uses panoramisk.

panoramisk's protocol class writes actions. Everything in it that would hurt a daemon is replaced here: it decodes chunk
by chunk (and breaks letters), sends unanswered actions again after a reconnect (an `Originate` would ring the agent
twice), guesses from texts when an action is complete, and runs callbacks in tasks of their own (out of order). Its
`Manager` consists of such things (it also truncates intervals to whole seconds and never notices a missing pong) and is
not used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from pbxd.asterisk.ami.capture import Capture
from pbxd.asterisk.ami.packets import Packet, PacketSplitter
from pbxd.errors import ProtocolError, UnavailableError
from pbxd.i18n import _

_OUR_ACTIONS = f"{Action.action_id_generator.prefix}/{Action.action_id_generator.uid}/"
_LIST_OF_CHANNELS = "CoreShowChannel"

_log = structlog.get_logger(__name__)


class Question(Action):  # type: ignore[misc] # panoramisk has no type information
    """An action under way. It is done with its first response or, for a listing, with the end of its list.

    `future` gets the response and, for a listing, all that followed it. `id` is its ActionID.
    """

    def __init__(self, fields: Mapping[str, str | list[str]], *, listing: bool = False) -> None:
        super().__init__({name: _as_latin(value) for name, value in fields.items()})
        self._listing = listing
        self._answers: list[Packet] = []

    def take(self, packet: Packet) -> bool:
        """Take a packet with this ActionID; return True for the last one."""
        # OriginateResponse is an event that has a Response header too.
        is_response = "Event" not in packet
        part = packet.get("EventList", "").lower()
        if self._listing:
            complete = part != "start" if is_response else part in {"complete", "cancelled"}
        else:
            complete = is_response
        if is_response or self._listing:
            self._answers.append(packet)
        if complete and not self.future.done():
            self.future.set_result(self._answers)
        return complete


class Link(AMIProtocol):  # type: ignore[misc] # panoramisk has no type information
    """One TCP connection, from its first byte to its loss; it is never used again.

    `lost` is done when the connection is gone, `booted` when Asterisk has said FullyBooted. `received` becomes True
    with any byte. `arrived` is the arrival of the last chunk in epoch seconds. `sink` gets every packet in order.
    """

    # Together with `_as_latin` this writes exact UTF-8, whatever panoramisk does to texts.
    encoding = "latin-1"
    closed = True
    responses: dict[str, Question]

    def __init__(self, sink: Callable[[Packet], None], capture: Capture | None) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.booted: asyncio.Future[None] = loop.create_future()
        self.received = False
        self.arrived = 0.0
        self.capture = capture
        self.why_lost = ""
        self._splitter = PacketSplitter()
        self._next_forged_log = 1  # the count at which to log next
        self._sink = sink

    @property
    def protocol_version(self) -> str:
        """The version in Asterisk's greeting."""
        return self._splitter.version

    def data_received(self, data: bytes) -> None:
        """Deliver every packet that these bytes complete."""
        self.received = True
        self.arrived = round(time.time(), 6)
        if self.capture is not None:
            self.capture.write(data, self.arrived)
        try:
            for packet in self._splitter.feed(data):
                self._deliver(packet)
        except ProtocolError as error:
            self.cut(str(error))
        if self._splitter.forged >= self._next_forged_log:
            _log.warning("forged_events_ignored", events=self._splitter.forged)
            self._next_forged_log = 2 * self._splitter.forged

    def _deliver(self, packet: Packet) -> None:
        if not self._splitter.version:
            raise ProtocolError(_("AMI: the peer is not Asterisk: its greeting differs"))
        if not self._is_ours(packet):
            return
        self._sink(packet)
        question = self.responses.get(packet.get("ActionID", ""))
        if question is not None and question.take(packet):
            self.forget(question)
        event = packet.get("Event")
        if event == "FullyBooted" and not self.booted.done():
            self.booted.set_result(None)
        elif event == "Shutdown":
            self.why_lost = _("Asterisk shuts down")

    def _is_ours(self, packet: Packet) -> bool:
        """Whether this is an event, or an answer to one of our actions, by the random part of its ActionID.

        Asterisk answers nobody else here. A caller may, see `pbxd.asterisk.ami.injection`.
        """
        if "Event" in packet and not packet["Event"].startswith(_LIST_OF_CHANNELS):
            return True
        number = packet.get("ActionID", "")
        return number in self.responses or number.startswith(_OUR_ACTIONS)

    def forget(self, question: Question) -> None:
        """Expect no more answers: a late one goes to the sink only."""
        self.responses.pop(question.id, None)

    def cut(self, why: str) -> None:
        """End the connection now, for a reason."""
        self.why_lost = why
        self.close()

    def close(self) -> None:
        """End the connection now. Unlike panoramisk's own method it keeps nothing to send again."""
        if not self.closed:
            self.closed = True
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail every question that waits for an answer."""
        self.closed = True
        self.why_lost = self.why_lost or str(exc or _("the PBX closed the connection"))
        questions, self.responses = self.responses, {}
        for question in questions.values():
            if not question.future.done():
                message = _("the link to the PBX was lost before {action} was answered")
                question.future.set_exception(UnavailableError(message.format(action=question["Action"])))
        if not self.lost.done():
            self.lost.set_result(None)


def _as_latin(value: str | list[str]) -> str | list[str]:
    """Return the text whose Latin-1 bytes are the UTF-8 bytes of `value`."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    return [one.encode().decode("latin-1") for one in value]
