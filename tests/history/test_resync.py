"""Snapshots of a scripted Asterisk that refuses the first."""

from __future__ import annotations

import pytest
import structlog

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.faults import Faults
from pbxd.history.resync import Resync
from pbxd.settings import AsteriskSettings, Settings
from tests.asterisk.amiserver import SECRET, AmiServer, Session, pack
from tests.asterisk.beside import running
from tests.lab.processes import until


async def test_a_snapshot_that_fails_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbxd.history.resync._RETRY_SECONDS", 0.01)
    done: list[str] = []

    def refuse_once(session: Session, action: Packet) -> None:
        server.on["CoreShowChannels"] = listing
        session.respond(action, "Message: Permission denied", status="Error")

    def listing(session: Session, action: Packet) -> None:
        session.respond(action, "EventList: start")
        tag = f"ActionID: {action['ActionID']}"
        session.send(pack("Event: CoreShowChannelsComplete", tag, "EventList: Complete", "ListItems: 0"))

    async with AmiServer().listening() as server:
        server.on["CoreShowChannels"] = refuse_once
        server.on["Setvar"] = lambda session, action: session.respond(action)
        pbx = AsteriskPbx(Settings(asterisk=AsteriskSettings(port=server.port)), SECRET, Faults())
        resync = Resync(pbx, on_done=lambda: done.append("done"))
        pbx.on_gap = resync.request
        with structlog.testing.capture_logs() as logs:
            async with running(pbx.link(), resync.run()):
                await until(lambda: bool(done), "the snapshot")
    assert done == ["done"]
    assert [line["event"] for line in logs if line["event"].startswith("resync")] == ["resync_failed", "resync_done"]
    assert server.asked.count("CoreShowChannels") == 2
