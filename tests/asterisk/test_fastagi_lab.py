"""The look-up on the real Asterisk: hostile names arrive exactly, and one ARRAY command says all there is to say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from pbxd.asterisk.agi.commands import MAX_COMMAND_BYTES, AgiCommand, commands_for, set_variables
from pbxd.asterisk.agi.protocol import AgiParser, AgiReply, AgiRequest
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.lookup.matching import Match, phone_text
from pbxd.settings import AgiSettings
from tests.lab import Lab

pytestmark = pytest.mark.lab

NAMES = {
    "quotes": "Иванов \"Петя\" 'x' `y`",
    "separators": "a, b; c = d | e & f : g",
    "backslashes": '\\ \\\\ \\n \\, \\" end\\',
    "brackets": "<x> (( ) [ ]] { } <sip:1@2>",
    "evaluation": "${EVAL(1)} $[1+1] ${SHELL(id)} %s %n",
    "emoji": "Маша 😀🎉",
    "right to left": "مرحبا שלום \u202eabc\u202c",
    "several lines": "one\r\ntwo\0three",
    "long": "Ромашка " * 1250,
    "only digits": "89161234567",
}


@contextlib.asynccontextmanager
async def answering(lab: Lab, answer: Callable[[AgiRequest], Sequence[AgiCommand]]) -> AsyncIterator[FastAgiServer]:
    """Serve where the lab's dialplan asks."""
    listen = str(lab.base_config()["agi"]["listen"])
    server = FastAgiServer(AgiSettings(listen=listen), answer)
    task = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.ready.wait(), 60)
    try:
        yield server
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("kind", NAMES)
async def test_the_agents_phone_shows_the_name_exactly(lab: Lab, kind: str) -> None:
    match = Match("found", number="+79161234567", name=NAMES[kind], contact=42, vip=True, manager="101")
    async with answering(lab, lambda request: commands_for(match, request, 10)) as server:
        client = lab.call_in("sales", "89161234567", name="from trunk")
        offered = await lab.phone("101").incoming()
        assert offered.name == phone_text(match) != ""
        assert offered.number == "89161234567"
        client.hangup()
        await client.until_ended()
        assert server.counters.answered == 1


async def test_without_a_match_the_trunks_name_stays(lab: Lab) -> None:
    async with answering(lab, lambda request: commands_for(Match("unknown"), request, 10)) as server:
        client = lab.call_in("sales", "89161234567", name="from trunk")
        offered = await lab.phone("101").incoming()
        assert offered.name == "from trunk"
        client.hangup()
        await client.until_ended()
        assert server.counters.answered == 1


async def conversation(lab: Lab, commands: Sequence[AgiCommand]) -> tuple[AgiRequest, list[AgiReply]]:
    """Let a channel run AGI, send the commands one after the other and return what Asterisk said."""
    done: asyncio.Future[tuple[AgiRequest, list[AgiReply]]] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser = AgiParser()
        replies: list[AgiReply] = []
        request: AgiRequest | None = None
        with contextlib.closing(writer):
            while len(replies) < len(commands):
                while (message := parser.next_message()) is None:
                    parser.feed(await reader.read(4096) or b"HANGUP\n")
                if isinstance(message, AgiRequest):
                    request = message
                else:
                    assert isinstance(message, AgiReply)
                    replies.append(message)
                if len(replies) < len(commands):
                    writer.write(commands[len(replies)].to_bytes())
        assert request
        done.set_result((request, replies))

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server, asyncio.timeout(30):
        port = server.sockets[0].getsockname()[1]
        await lab.ami_action(
            "Originate",
            Channel="Local/0999@lab-did",
            Application="AGI",
            Data=f"agi://127.0.0.1:{port}/lookup?x=y",
            CallerID='"trunk" <89161234567>',
            Async="true",
        )
        return await done


@pytest.mark.parametrize("kind", sorted(NAMES.keys() - {"several lines", "long"}))
async def test_values_arrive_unchanged_without_any_cleaning(lab: Lab, kind: str) -> None:
    value = NAMES[kind]
    request, replies = await conversation(
        lab,
        [
            set_variables({"A": value, "CALLERID(name)": value, "B": "", "C": value}),
            *(AgiCommand(f"GET FULL VARIABLE ${{{name}}}") for name in ("A", "CALLERID(name)", "C")),
            set_variables({"A": f"{value} again"}),
            AgiCommand("GET VARIABLE A"),
            AgiCommand("GET VARIABLE B"),
        ],
    )
    assert request.script == "lookup"
    assert request.query == {"x": "y"}
    assert [reply.code for reply in replies] == [200] * 7
    assert [reply.text for reply in replies[1:4]] == [value] * 3
    assert replies[5].text == f"{value} again"
    assert replies[6] == AgiReply(200, "1", "")  # set, and empty


async def test_the_longest_command_arrives_whole(lab: Lab) -> None:
    value = "x" * (MAX_COMMAND_BYTES - len('SET VARIABLE ARRAY(A) ""\n'))
    length = AgiCommand("GET FULL VARIABLE ${LEN(${A})}")  # GET VARIABLE itself shows 1023 bytes
    _request, replies = await conversation(lab, [set_variables({"A": value}), length])
    assert replies[1].text == str(len(value))


async def test_replies_to_wrong_commands(lab: Lab) -> None:
    _request, replies = await conversation(lab, [AgiCommand("FOO"), AgiCommand("SET VARIABLE"), AgiCommand("NOOP")])
    assert [reply.code for reply in replies] == [510, 520, 200]
    assert "Sets a variable" in replies[1].text
