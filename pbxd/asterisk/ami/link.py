"""One AMI connection; the only home of panoramisk.

panoramisk's protocol class writes actions. Everything in it that would hurt a daemon is replaced here: decoding chunk
by chunk (tears letters apart), sending unanswered actions again after a reconnect (an `Originate` would ring the agent
twice), guessing from texts when an action is complete, callbacks in tasks of their own (out of order). Its `Manager`
consists of such things (it also truncates intervals to whole seconds and never misses a pong) and is not used.
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
    """An action under way: done with its first response or, for a listing, with the end of its list.

    `future` brings the response and, for a listing, all that followed it. `id` is its ActionID.
    """

    def __init__(self, fields: Mapping[str, str | list[str]], *, listing: bool = False) -> None:
        super().__init__({name: _as_latin(value) for name, value in fields.items()})
        self._listing = listing
        self._answers: list[Packet] = []

    def take(self, packet: Packet) -> bool:
        """Take a packet with this ActionID; True when it was the last one."""
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
    """One TCP connection, from its first byte to its loss; it is never used again afterwards.

    `lost` is done when the connection is gone, `booted` when Asterisk said FullyBooted; `heard` becomes True with any
    byte; `arrived` is when the last chunk came, in epoch seconds. `sink` gets every packet in order.
    """

    # With `_as_latin` this writes exact UTF-8, whatever panoramisk does to texts on the way.
    encoding = "latin-1"
    closed = True
    responses: dict[str, Question]

    def __init__(self, sink: Callable[[Packet], None], capture: Capture | None) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.booted: asyncio.Future[None] = loop.create_future()
        self.heard = False
        self.arrived = 0.0
        self.capture = capture
        self.why_lost = ""
        self._splitter = PacketSplitter()
        self._forged_told = 1  # how many are to be told next
        self._sink = sink

    @property
    def protocol_version(self) -> str:
        """The version in Asterisk's greeting."""
        return self._splitter.version

    def data_received(self, data: bytes) -> None:
        """Pass on every packet that these bytes complete."""
        self.heard = True
        self.arrived = round(time.time(), 6)
        if self.capture is not None:
            self.capture.write(data, self.arrived)
        try:
            for packet in self._splitter.feed(data):
                self._deliver(packet)
        except ProtocolError as error:
            self.cut(str(error))
        if self._splitter.forged >= self._forged_told:
            _log.warning("forged_events_ignored", events=self._splitter.forged)
            self._forged_told = 2 * self._splitter.forged

    def _deliver(self, packet: Packet) -> None:
        if not self._splitter.version:
            raise ProtocolError(_("AMI: the other side does not greet as Asterisk does"))
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
        """Whether this is an event, or an answer to an action of ours: by the random part of its ActionID.

        Asterisk answers nobody else here; a caller may, see `pbxd.asterisk.ami.injection`.
        """
        if "Event" in packet and not packet["Event"].startswith(_LIST_OF_CHANNELS):
            return True
        number = packet.get("ActionID", "")
        return number in self.responses or number.startswith(_OUR_ACTIONS)

    def forget(self, question: Question) -> None:
        """Expect no answer any more: one that comes late goes to the sink alone."""
        self.responses.pop(question.id, None)

    def cut(self, why: str) -> None:
        """End the connection now, for a reason."""
        self.why_lost = why
        self.close()

    def close(self) -> None:
        """End the connection now; unlike panoramisk's own, nothing is kept to be sent again."""
        if not self.closed:
            self.closed = True
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits for an answer that there will be none."""
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
