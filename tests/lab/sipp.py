"""SIPp as callers behind the trunk and as agents' phones: a SIP stack that is neither ours nor Asterisk's.

Scenarios are generated for what a test needs; the messages SIPp saw are read back from its own trace, byte for byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.lab import sip
from tests.lab.media import SAMPLES, next_mark
from tests.lab.ports import HOST
from tests.lab.processes import PATIENCE, Child, LabError, until

SCENARIOS = Path(__file__).resolve().parent / "sipp_scenarios"
VOICE_SECONDS = 2  # the file is looped
REFUSALS = (302, 403, 404, 408, 480, 486, 487, 488, 500, 503, 603)
FOREVER = 3600.0
_RECEIVED = re.compile(rb"UDP message received \[(\d+)\] bytes ?:\n\n")


@dataclass(frozen=True)
class Caller:
    """A client who calls through the trunk once. Seconds; `hold` None: waits for the other side's BYE."""

    number: str
    name: str = ""
    pai: str = ""
    hold: float | None = None
    patience: float = FOREVER  # from the last provisional answer until he gives up

    def scenario(self) -> str:
        patience = _milliseconds(self.patience)
        return _filled(
            "caller",
            {
                "FROM": sip.write_address(self.name, f"sip:{self.number}@[local_ip]"),
                "PAI": f"P-Asserted-Identity: <sip:{self.pai}@[local_ip]>" if self.pai else "X-Lab: caller",
                "REFUSALS": "\n".join(
                    f'<recv response="{code}" optional="true" next="refused" timeout="{patience}" ontimeout="give-up"/>'
                    for code in REFUSALS
                ),
                "PATIENCE": patience,
                "HOLD": _milliseconds(self.hold),
            },
        )


@dataclass(frozen=True)
class Agent:
    """A phone that takes one call: rings `ring` seconds, then answers, or refuses with `code` where that is not 0.

    Never answers: a long `ring`. `talk`: seconds, then it hangs up; None: waits for the other side's BYE.
    """

    ring: float = 0.2
    code: int = 0
    talk: float | None = None

    def scenario(self) -> str:
        return _filled(
            "agent",
            {
                "RING": _milliseconds(self.ring),
                "DECISION": f'<nop next="{"refuse" if self.code else "answer"}"/>',
                "CODE": str(self.code or 486),
                "TALK": _milliseconds(self.talk),
            },
        )


class Sipp:
    """One running SIPp playing one scenario once."""

    def __init__(self, child: Child, folder: Path, mark: bytes) -> None:
        self.child = child
        self.folder = folder
        self.mark = mark  # its voice, see tests.lab.media

    @classmethod
    async def start(cls, role: Caller | Agent, folder: Path, *, port: int, server: int, number: str = "") -> Sipp:
        """Start SIPp at `port` of the lab; a caller dials `number` of the Asterisk at SIP port `server`."""
        mark = next_mark()
        scenario = _prepare(role, folder, mark)
        child = await Child.start(
            [
                "sipp", f"{HOST}:{server}", "-sf", str(scenario), "-m", "1", "-i", HOST, "-mi", HOST, "-p", str(port),
                *(["-s", number] if number else []), "-aa", "-nostdin", "-trace_msg", "-message_file",
                str(folder / "messages.log"), "-trace_err", "-error_file", str(folder / "errors.log"),
            ],
            log=folder / "screen.log", cwd=folder,
        )  # fmt: skip
        return cls(child, folder, mark)

    def received(self) -> list[sip.Message]:
        """Return every SIP message that has reached this SIPp so far."""
        file = self.folder / "messages.log"
        data = file.read_bytes() if file.exists() else b""
        found = [data[match.end() : match.end() + int(match[1])] for match in _RECEIVED.finditer(data)]
        return [message for message in map(sip.parse, found) if message is not None]

    def requests(self, method: str) -> list[sip.Message]:
        return [message for message in self.received() if message.method == method]

    @property
    def codes(self) -> list[int]:
        """The answers to the caller's INVITE, in order."""
        return [message.code for message in self.received() if message.code and message.cseq[1] == "INVITE"]

    async def until_invited(self, *, timeout: float = PATIENCE) -> sip.Message:
        """Agent: the INVITE as it came: `.address("From").name` and `.user`, `.get("P-Asserted-Identity")`."""
        await until(lambda: self.requests("INVITE"), "an INVITE at SIPp", timeout=timeout)
        return self.requests("INVITE")[0]

    async def until_answered(self, *, timeout: float = PATIENCE) -> None:
        """Caller: until the 200; agent: until the ACK of its own 200."""
        await until(lambda: 200 in self.codes or self.requests("ACK"), "an answer at SIPp", timeout=timeout)

    async def done(self, *, timeout: float = 30) -> None:
        """Wait until the scenario was played as written; LabError with SIPp's own words otherwise."""
        status = await self.child.wait(timeout)
        if status != 0:
            errors = self.folder / "errors.log"
            said = errors.read_text(errors="replace") if errors.exists() else self.child.tail(20)
            raise LabError(f"SIPp ended with {status}:\n{said}")

    async def stop(self) -> None:
        await self.child.stop(grace=0.2)


def _prepare(role: Caller | Agent, folder: Path, mark: bytes) -> Path:
    folder.mkdir(parents=True)
    voice = folder / "voice.ulaw"
    voice.write_bytes(mark * (VOICE_SECONDS * 50 * SAMPLES // 4))
    scenario = folder / "scenario.xml"
    scenario.write_text(role.scenario().replace("@VOICE@", str(voice)), encoding="utf-8")
    return scenario


def _milliseconds(seconds: float | None) -> str:
    return str(round((FOREVER if seconds is None else seconds) * 1000))


def _filled(name: str, values: dict[str, str]) -> str:
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="utf-8")
    return re.sub(r"@([A-Z]+)@", lambda match: values.get(match[1], match[0]), text)
