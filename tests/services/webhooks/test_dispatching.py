"""Sending events: signed, in order within a call, at least once, to allowed addresses only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from sqlalchemy import text, update
from standardwebhooks import Webhook as Signature

from pbxd.actor import Actor
from pbxd.book.contacts import ContactDraft
from pbxd.book.employees import Employee
from pbxd.numbers import rules_from
from pbxd.services.webhooks import dispatching, lanes, sender, webhooks
from pbxd.services.webhooks.addresses import Network
from pbxd.services.webhooks.dispatching import Dispatcher
from pbxd.services.webhooks.sender import Sender
from pbxd.services.webhooks.webhooks import AddWebhook, FindDeliveries
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.access.webhook_deliveries import Delivery
from pbxd.storage.access.webhooks import Webhook, Webhooks
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell
from pbxd.storage.tables import webhook_deliveries
from tests.services.webhooks.receivers import Received, Receiver, eventually

ADMINISTRATOR = Actor.administrator("test")
LOOPBACK: Sequence[Network] = [ip_network("127.0.0.0/8")]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_FIRST_SECONDS", 0.02)
    monkeypatch.setattr(dispatching, "NOTE_SECONDS", 0.02)
    monkeypatch.setattr(dispatching, "TOGETHER_SECONDS", 0.005)
    monkeypatch.setattr(dispatching, "_UNREACHED", 10_000)


@pytest.fixture
async def workspace(database: Database) -> Workspace:
    """A database whose feed begins with 1."""
    if not database.is_sqlite:
        async with database.writing() as connection:
            await connection.execute(text("SELECT setval(pg_get_serial_sequence('feed', 'seq'), 1, false)"))
    return Workspace(database, rules_from(Settings()))


@asynccontextmanager
async def dispatching_to(
    database: Database, allowed: Sequence[Network] = LOOPBACK, resolver: Callable[[], AbstractResolver] | None = None
) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(database, Sender(lambda: allowed, resolver))
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        running.cancel()
        await asyncio.wait({running})


async def added(workspace: Workspace, url: str, *events: str, **more: Any) -> Webhook:  # noqa: ANN401 - its fields
    asked = AddWebhook(url=url, events=events or ("call.*",), allowed=LOOPBACK, **more)
    return await webhooks.add(workspace, ADMINISTRATOR, asked)


async def told(database: Database, *calls: str, kind: str = "call.ended", **data: object) -> None:
    async with database.writing() as connection:
        await tell(connection, [News(kind, call, {"extensions": ["101"], "queue": None, **data}) for call in calls])


async def log(workspace: Workspace, webhook: Webhook) -> list[Delivery]:
    return (await webhooks.deliveries(workspace, ADMINISTRATOR, FindDeliveries(webhook_id=webhook.id)))[::-1]


async def until_settled(workspace: Workspace, webhook: Webhook, state: str = "delivered") -> list[Delivery]:
    async def settled() -> bool:
        found = await log(workspace, webhook)
        return bool(found) and all(each.state == state for each in found)

    await eventually(settled)
    return await log(workspace, webhook)


async def tried(workspace: Workspace, webhook: Webhook) -> bool:
    return any(each.last for each in await log(workspace, webhook))


async def test_an_event_arrives_signed_with_a_stable_id_and_is_logged(workspace: Workspace) -> None:
    database = workspace.database
    await told(database, "before")
    async with Receiver().listening() as receiver, dispatching_to(database):
        webhook = await added(workspace, receiver.url)
        await told(database, "0001")
        await receiver.until(1)
        (one,) = receiver.accepted
        (delivery,) = await until_settled(workspace, webhook)
    assert one.request.method == "POST"
    assert one.request.content_type == "application/json"
    assert one.id == f"{await Webhooks(database).installation()}.2"
    Signature(webhook.secret).verify(one.body, dict(one.request.headers))
    assert one.event["subject"] == "0001"
    assert one.event.keys() == {"seq", "at", "kind", "subject", "data"}
    assert (delivery.queued.seq, delivery.status, delivery.queued.attempts, delivery.error) == (2, 204, 1, "")
    assert delivery.milliseconds is not None


async def test_what_a_webhook_hears(workspace: Workspace) -> None:
    database = workspace.database
    async with Receiver().listening() as receiver, dispatching_to(database):
        await Employees(database).upsert([Employee("101")], source="pbx")
        await added(workspace, receiver.url, "call.ended", "contact.*", queue="sales", extension="101")
        await told(database, "1", queue="sales")
        await told(database, "2", queue="support")
        await told(database, "3", queue="sales", extensions=["102"])
        await told(database, "4", kind="call.answered", queue="sales")
        owner = Actor.agent("101", "test")
        await Contacts(database).add(ContactDraft("Мама", visibility="personal"), actor=owner)
        await Contacts(database).add(ContactDraft("Общий"), actor=ADMINISTRATOR)
        await told(database, "5", queue="sales")
        await receiver.until(3)
    assert [each.event["kind"] for each in receiver.accepted if each.event["subject"] != "5"] == [
        "call.ended",
        "contact.added",
    ]
    contact = next(each.event for each in receiver.accepted if each.event["kind"] == "contact.added")
    assert contact["data"] == {"visibility": "shared", "version": 1}, "personal contacts are for nobody's webhook"


async def test_a_failing_event_holds_back_its_own_call_alone(workspace: Workspace) -> None:
    database = workspace.database
    broken = True

    def decide(received: Received) -> web.StreamResponse:
        return web.Response(status=500 if broken and received.event["subject"] == "a" else 200)

    async with Receiver(decide).listening() as receiver, dispatching_to(database):
        webhook = await added(workspace, receiver.url)
        await told(database, "a", "b", "a", "b", "c")
        await receiver.until(3)
        assert sorted(receiver.seqs) == [2, 4, 5]
        broken = False
        await receiver.until(5)
        found = await until_settled(workspace, webhook)
    assert [seq for seq in receiver.seqs if seq in {1, 3}] == [1, 3], "in order, once it goes on"
    assert found[0].queued.attempts > 1
    tries = [each.id for each in receiver.received if each.event["seq"] == 1]
    assert len(set(tries)) == 1, "the id is the same at each attempt"


async def test_a_redirect_is_not_followed_and_a_long_answer_not_read(workspace: Workspace) -> None:
    database = workspace.database
    states = iter((302, 200))

    async def decide(received: Received) -> web.StreamResponse:
        if next(states) == 302:
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        answer = web.StreamResponse(status=200)
        await answer.prepare(received.request)
        try:
            for _part in range(1000):
                await answer.write(b"x" * 65536)
        except ConnectionError:
            pass
        return answer

    async with Receiver(decide).listening() as receiver, dispatching_to(database):
        webhook = await added(workspace, receiver.url)
        await told(database, "1")
        (delivery,) = await until_settled(workspace, webhook)
    assert [each.request.path for each in receiver.received] == ["/hook", "/hook"]
    assert (delivery.status, delivery.queued.attempts) == (200, 2)


async def test_an_answer_that_does_not_come_is_a_failure(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "SECONDS", 0.2)
    first = asyncio.Event()

    async def decide(_received: Received) -> web.StreamResponse:
        if not first.is_set():
            first.set()
            await asyncio.sleep(5)
        return web.Response()

    async with Receiver(decide).listening() as receiver, dispatching_to(workspace.database):
        webhook = await added(workspace, receiver.url)
        await told(workspace.database, "1")
        (delivery,) = await until_settled(workspace, webhook)
    assert delivery.queued.attempts == 2
    assert len(receiver.received) == 2


async def test_retry_after_is_honoured(workspace: Workspace) -> None:
    def decide(_received: Received) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": "3600"})

    async with Receiver(decide).listening() as receiver, dispatching_to(workspace.database):
        webhook = await added(workspace, receiver.url)
        await told(workspace.database, "1")
        await eventually(partial(tried, workspace, webhook))
    (delivery,) = await log(workspace, webhook)
    assert delivery.queued.due is not None
    assert delivery.last is not None
    assert delivery.queued.due - delivery.last >= timedelta(seconds=3590)
    assert (delivery.status, delivery.state) == (503, "pending")


async def test_410_disables_and_a_replay_enables(workspace: Workspace) -> None:
    database, gone = workspace.database, True

    def decide(_received: Received) -> web.StreamResponse:
        return web.Response(status=410 if gone else 200)

    async with Receiver(decide).listening() as receiver, dispatching_to(database):
        webhook = await added(workspace, receiver.url)
        await told(database, "1")

        async def disabled() -> bool:
            return (await Webhooks(database).get(webhook.id)).disabled is not None

        await eventually(disabled)
        assert (await Webhooks(database).get(webhook.id)).disabled_why == "410"
        await told(database, "2")
        asked = len(receiver.received)
        gone = False
        await asyncio.sleep(0.2)
        assert len(receiver.received) == asked, "nothing is sent there"
        await webhooks.replay(workspace, ADMINISTRATOR, webhook.id, 0)
        await receiver.until(2)
    assert receiver.seqs == [1, 2]


async def test_after_three_days_an_event_is_dead_and_its_call_goes_on(workspace: Workspace) -> None:
    database = workspace.database

    def decide(received: Received) -> web.StreamResponse:
        return web.Response(status=500 if received.event["seq"] == 1 else 200)

    async with Receiver(decide).listening() as receiver:
        webhook = await added(workspace, receiver.url)
        await told(database, "a", "a")
        async with dispatching_to(database):
            await eventually(partial(tried, workspace, webhook))
        old = datetime.now(UTC) - timedelta(days=3)
        async with database.writing() as connection:
            first = webhook_deliveries.c.seq == 1
            await connection.execute(update(webhook_deliveries).where(first).values(since=old, due=old))
        async with dispatching_to(database):
            await receiver.until(1)

            async def over() -> bool:
                return [each.state for each in await log(workspace, webhook)] == ["dead", "delivered"]

            await eventually(over)
    shown = await webhooks.show(workspace, ADMINISTRATOR, webhook.id)
    assert (shown.pending, shown.dead) == (0, 1)


async def test_a_receiver_that_is_away_gets_everything_when_it_is_back(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "_UNREACHED", 3)
    monkeypatch.setattr(dispatching, "_LONGEST_AWAY_SECONDS", 0.1)
    monkeypatch.setattr(lanes, "_FIRST_SECONDS", 3600.0)
    receiver = Receiver()
    async with receiver.listening():
        webhook = await added(workspace, receiver.url)
    async with dispatching_to(workspace.database):
        await told(workspace.database, *(f"{number % 7}" for number in range(50)))
        await eventually(partial(tried, workspace, webhook))
        await told(workspace.database, "new")  # so that somebody is asked although all wait for an hour
        async with receiver.listening():
            await receiver.until(51)
    for name in range(7):
        own = [each.event["seq"] for each in receiver.accepted if each.event["subject"] == str(name)]
        assert own == sorted(own)
    assert sorted(receiver.seqs) == list(range(1, 52))


async def test_during_a_rotation_both_secrets_sign(workspace: Workspace) -> None:
    async with Receiver().listening() as receiver, dispatching_to(workspace.database):
        before = await added(workspace, receiver.url)
        after = await webhooks.rotate(workspace, ADMINISTRATOR, before.id)
        assert after.secret != before.secret
        await told(workspace.database, "1")
        await receiver.until(1)
        (one,) = receiver.accepted
        for secret in (before.secret, after.secret):
            Signature(secret).verify(one.body, dict(one.request.headers))
    assert after.secrets_at(datetime.now(UTC) + webhooks.ROTATION) == (after.secret,)


async def test_a_replay_sends_again_from_where_it_is_told(workspace: Workspace) -> None:
    async with Receiver().listening() as receiver, dispatching_to(workspace.database):
        webhook = await added(workspace, receiver.url)
        await told(workspace.database, "a", "a", "a")
        await receiver.until(3)
        await until_settled(workspace, webhook)
        await webhooks.replay(workspace, ADMINISTRATOR, webhook.id, 1)
        await receiver.until(5)
    assert receiver.seqs == [1, 2, 3, 2, 3]
    assert receiver.accepted[1].id == receiver.accepted[3].id


async def test_a_deleted_webhook_gets_no_more(workspace: Workspace) -> None:
    async with Receiver().listening() as receiver, dispatching_to(workspace.database) as dispatcher:
        webhook = await added(workspace, receiver.url)
        await told(workspace.database, "a")
        await receiver.until(1)
        await webhooks.delete(workspace, ADMINISTRATOR, webhook.id)

        async def ended() -> bool:
            return not dispatcher.waiting

        await eventually(ended)
        await told(workspace.database, "b")
        await asyncio.sleep(0.1)
    assert receiver.seqs == [1]


async def test_a_stop_at_any_moment_loses_nothing_and_keeps_the_order(workspace: Workspace) -> None:
    database = workspace.database
    async with Receiver().listening() as receiver:
        await added(workspace, receiver.url)
        for part in range(12):
            async with dispatching_to(database):
                await told(database, *(f"{number % 3}" for number in range(10)))
                await asyncio.sleep(0.004 * part)
        async with dispatching_to(database):

            async def all_there() -> bool:
                return len(set(receiver.seqs)) == 120

            await eventually(all_there)
    for name in range(3):
        seqs = (each.event["seq"] for each in receiver.accepted if each.event["subject"] == str(name))
        own = list(dict.fromkeys(seqs))
        assert own == sorted(own)


class Names(AbstractResolver):
    """A resolver that answers what a test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("host", "resolves"),
    [
        ("crm.example", ("127.0.0.1",)),
        ("crm.example", ("8.8.8.8", "127.0.0.1")),
        ("127.0.0.1", ()),
        ("[::ffff:127.0.0.1]", ()),
    ],
    ids=["a name", "one of its addresses", "an address", "IPv4 in IPv6"],
)
async def test_what_was_allowed_at_the_creation_is_checked_again_at_each_connect(
    host: str, resolves: tuple[str, ...]
) -> None:
    """A name that re-resolves: allowed when the webhook was made, to this machine when it is used."""
    async with Receiver().listening() as receiver:
        async with Sender(list, lambda: Names(*resolves)) as guarded:
            outcome = await guarded.send(f"http://{host}:{receiver.port}/hook", {}, b"{}")
        assert (outcome.status, receiver.received) == (None, [])
        assert "not public" in outcome.error
        async with Sender(lambda: LOOPBACK, lambda: Names("127.0.0.1")) as allowed:
            outcome = await allowed.send(f"http://crm.example:{receiver.port}/hook", {}, b"{}")
        assert outcome.status == 204


async def test_a_name_that_the_system_resolves_to_this_machine_is_refused() -> None:
    async with Receiver().listening() as receiver:
        url = f"http://localhost:{receiver.port}/hook"
        async with Sender(list) as guarded:
            outcome = await guarded.send(url, {}, b"{}")
        assert (outcome.status, receiver.received) == (None, [])
        assert "not public" in outcome.error
        async with Sender(lambda: [*LOOPBACK, ip_network("::1")]) as allowed:
            assert (await allowed.send(url, {}, b"{}")).status == 204


async def test_a_test_is_sent_and_the_curl_repeats_it(workspace: Workspace) -> None:
    async with Receiver().listening() as receiver:
        webhook = await added(workspace, receiver.url)
        tested = await webhooks.test(workspace, ADMINISTRATOR, webhook.id, LOOPBACK)
        assert tested.outcome.delivered
        curl = await asyncio.create_subprocess_shell(tested.curl, stdout=asyncio.subprocess.PIPE)
        await curl.communicate()
        one, other = receiver.accepted
        assert (one.body, one.id) == (other.body, other.id)
        Signature(webhook.secret).verify(other.body, dict(other.request.headers))
    assert webhook.secret not in tested.curl
    assert one.event["kind"] == "test"
    assert await Feed(workspace.database).last() == 0
