"""The composition root: builds the parts of the daemon and runs them as a few named tasks; when one ends, all end.

Long because every part is known here and nowhere else, so that no part needs to know another.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial

import structlog

from pbxd import api, logs
from pbxd.actor import DAEMON
from pbxd.asterisk.agi.lookups import KEY_VARIABLE, LookUps
from pbxd.asterisk.agi.probe import keep_fed
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.intake import Arrival, Intake, Missing
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.ami.reconnecting import Complaints
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.event_stream import EventStream
from pbxd.asterisk.originate import ClickToCall
from pbxd.asterisk.staff import gone, staff
from pbxd.asterisk.vip_queues import VipQueues
from pbxd.calls.events import Event
from pbxd.errors import (
    ConfigurationError,
    LostError,
    PbxdError,
    ProtocolError,
    RefusedError,
    SchemaError,
    UnavailableError,
)
from pbxd.faults import Faults
from pbxd.history.backfill import Backfill
from pbxd.history.following import Following
from pbxd.history.recorder import Recorder
from pbxd.http.context import Services
from pbxd.http.server import HttpServer
from pbxd.http.token_cache import TokenCache
from pbxd.lookup.index import Directory
from pbxd.notify import sd_notify, starting, watchdog_seconds
from pbxd.numbers import rules_from
from pbxd.reloading import compare
from pbxd.services.health import Health
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings, asterisk_secret, load
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.calls.idempotency import CallRequests
from pbxd.storage.engine.backups import Progress
from pbxd.storage.engine.database import Database
from pbxd.storage.imports.imports import Imports
from pbxd.storage.retention import Retention

_BATCH = 200  # packets followed before others get their turn: about 5 ms
_HEARTBEAT_SECONDS = 1.0
_RESYNC_RETRY_SECONDS = 2.0
_STAFF_RETRY_SECONDS = 10.0
_STAFF_EVERY_SECONDS = 24 * 3600.0
_STAFF_SETTLES_SECONDS = 0.5  # a PBX that was just reloaded learns its new devices' states, and may reload more
_STORAGE_RETRY_SECONDS = 1.0
_AN_HOUR = timedelta(hours=1)
_CLEARING_SECONDS = 3600.0
_LAST_EVENTS_SECONDS = 0.4  # these three and the HTTP server's STOP_SECONDS make the five in which we stop
_LAST_LOOK_SECONDS = 0.3
_LAST_WRITE_SECONDS = 2.0
_QUIET_SECONDS = 0.1  # without an event: Asterisk has written all that happened so far

_log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Raises ConfigurationError and SchemaError for what an administrator must mend, UnavailableError when an address
    can't be had, ReplacedError when the database's file isn't the one any more that was opened. An Asterisk that is
    away is no error: look-ups are served all the same. Nor is a database: look-ups say `error` until it is there, and
    events wait.
    """
    secret = asterisk_secret(settings)
    async with Database(settings.database_url) as database:
        await Daemon(settings, secret, database).run()


class _Stopped(Exception):  # noqa: N818 - no error: the way out of the task group
    pass


class Daemon:
    """All parts, wired."""

    def __init__(self, settings: Settings, secret: str, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._storage_open = asyncio.Event()
        self._storage_complaints = Complaints(database.place)
        self._intake = Intake(settings.asterisk.event_queue_length)
        self._events = 0  # that came over the link
        self._out_of_step = asyncio.Event()
        self._told_to_reload = asyncio.Event()
        self._staff_asked = asyncio.Event()
        self._ami = AmiClient(settings.link, secret, self._arrived, on_link=self._link_changed)
        # Shared: what a call shows to be a line is none of us in a look-up either, and no employee.
        self._endpoints = endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
        self._faults = Faults()
        self._stream = EventStream(endpoints, self._faults)
        self._following = Following(settings, CHANNEL_IDS, self._stream.hearing, self._faults)
        self._calls = Calls(database)
        self._employees = Employees(database)
        self._directory = Directory(database, rules_from(settings), on_change=self._book_changed)
        self._recorder = Recorder(
            self._following, self._calls, self._directory, max_waiting=settings.database.most_waiting_calls
        )
        self._backfill = Backfill(settings, database)
        self._queues = VipQueues(
            self._ami,
            partial(self._directory.lookup, actor=DAEMON),
            settings.queues,
            self._following.tracker.number_of,
            endpoints.is_inside,
        )
        self._click_to_call = ClickToCall(self._ami, settings, CallRequests(database))
        self._lookups = LookUps(self._directory.lookup, endpoints, lambda: self._settings.queues.vip_priority)
        self._fastagi = FastAgiServer(settings.agi, self._lookups.answer)
        self._token_cache = TokenCache(Tokens(database))
        self._http = HttpServer(
            settings,
            Services(
                database=database,
                directory=self._directory,
                workspace=Workspace(database, rules_from(settings)),
                tokens=self._token_cache,
                click_to_call=self._click_to_call,
                queues=self._queues,
                rules=rules_from(settings),
                health=Health(database, self._directory, lambda: self._ami.connected, lambda: self._recorder.faults),
                language=lambda: self._settings.service.language,
            ),
            api.mount,
        )

    async def run(self) -> None:
        """Serve until told to stop; raises what ended a root task."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._told_to_reload.set)
        async with starting():  # an upgrade of a big database takes minutes
            opened = await self._storage_opens()
        sd_notify("STATUS=")
        if not opened:
            self._following.hold_events()
        await self._http.start()
        try:
            async with asyncio.TaskGroup() as group:
                for name, root in self._roots().items():
                    group.create_task(root, name=name)
                await self._fastagi.ready.wait()
                _log.info("ready", agi=self._settings.agi.listen, http=self._settings.http.listen)
                sd_notify("READY=1")
        except* _Stopped:
            _log.info("stopped")
        finally:
            await self._write_the_rest()

    def _roots(self) -> dict[str, Coroutine[object, object, None]]:
        roots = {
            "fastagi": self._fastagi.serve(),
            "http": self._http.serve(),
            "ami": self._ami.run(),
            "follow": self._follow(),
            "resync": self._keep_in_step(),
            "staff": self._keep_staff(),
            "storage": self._open_storage_later(),
            "heartbeat": self._heartbeat(),
            "record": self._once_open(self._recorder.run),
            "directory": self._once_open(self._directory.follow),
            "tokens": self._once_open(self._token_cache.follow),
            "imports": self._once_open(Imports(self._database).keep_clean),
            "retention": self._once_open(self._clear_old),
            "queues": self._queues.run(),
            "backfill": self._once_open(self._backfill.run),
            "calls": self._click_to_call.run(),
            "reload": self._reload_when_told(),
            "stop": self._stop_when_told(),
        }
        if seconds := watchdog_seconds():
            roots["watchdog"] = keep_fed(self._fastagi, seconds, lambda: sd_notify("WATCHDOG=1"))
        return roots

    async def _stop_when_told(self) -> None:
        await _until_told_to_stop()
        await self._read_the_rest()
        raise _Stopped

    async def _read_the_rest(self) -> None:
        """Read the events that Asterisk has sent, or is about to send, before the link is closed.

        The answer to a Ping comes after everything that was sent before it. But Asterisk sends an event some time after
        what it tells of, and the answer overtakes it: ask until no event comes any more.
        """
        with contextlib.suppress(TimeoutError, PbxdError):
            async with asyncio.timeout(_LAST_EVENTS_SECONDS):
                before = -1
                while before != self._events:
                    before = self._events
                    await asyncio.sleep(_QUIET_SECONDS)
                    await self._ami.action("Ping")

    async def _write_the_rest(self) -> None:
        """Follow what the PBX told until the end, then write: what was heard is not lost by a stop."""
        end = time.monotonic() + _LAST_LOOK_SECONDS
        while len(self._intake) and time.monotonic() < end:
            for item in await self._intake.take(_BATCH):
                self._event(item)
        try:
            # Not asyncio.timeout: on Debian 12 (Python 3.11.2) it fails in a task whose TaskGroup failed, as ours did.
            await asyncio.wait_for(self._recorder.flush(final=True), _LAST_WRITE_SECONDS)
        except (TimeoutError, UnavailableError) as error:
            _log.error("calls_write_failed", why=str(error) or "timeout", waiting=self._recorder.backlog)

    # -- the database, which may be away when we start

    async def _storage_opens(self) -> bool:
        """Open the database, read the book and the calls an earlier process left open; return whether that worked."""
        try:
            await self._database.connect(create=self._settings.database.upgrade == "auto", told=_upgrading)
            self._database.remember()
            if self._database.is_new:
                _log.warning("database_made", place=self._database.place)
            await self._directory.load()
            pbx = self._settings.asterisk.name
            heard = await HistoryGaps(self._database).cursor(pbx)
            lasting = await self._calls.open_calls(pbx)
            over = await self._calls.ended_since(pbx, lasting[0].started - _AN_HOUR) if lasting else ()
            await self._following.resume(lasting, heard, over)
        except SchemaError:
            raise
        except UnavailableError as error:
            lost = isinstance(error, LostError)
            self._storage_complaints.tell("database_lost" if lost else "database_away", str(error), error=lost)
            return False
        self._storage_open.set()
        return True

    async def _open_storage_later(self) -> None:
        if self._storage_open.is_set():
            return
        while True:
            await asyncio.sleep(_STORAGE_RETRY_SECONDS)
            if await self._storage_opens():
                break
        _log.info("database_reached")
        self._queues.refresh()
        self._out_of_step.set()

    async def _once_open(self, work: Callable[[], Awaitable[None]]) -> None:
        await self._storage_open.wait()
        await work()

    async def _clear_old(self) -> None:
        """Delete every hour what is older than it may be."""
        retention = Retention(self._database)
        while True:
            await asyncio.sleep(_CLEARING_SECONDS)
            try:
                cleared = await retention.clear(self._settings.retention)
            except UnavailableError as error:
                _log.warning("retention_failed", why=str(error))
            else:
                if any(cleared.values()):
                    _log.info("retention_done", **cleared)

    # -- the configuration, read anew on SIGHUP

    async def _reload_when_told(self) -> None:
        while True:
            await self._told_to_reload.wait()
            self._told_to_reload.clear()
            self._reload()

    def _reload(self) -> None:
        """Read the configuration anew; one that can't be used changes nothing."""
        try:
            change = compare(self._settings, load(self._settings.source or None))
            self._click_to_call.reconfigure(change.settings)  # the one that may refuse comes first
        except ConfigurationError as error:
            _log.error("reload_refused", why=str(error))
            return
        self._settings = change.settings
        self._queues.reconfigure(change.settings.queues)
        self._staff_asked.set()
        logs.configure(change.settings.logs)
        _log.warning("reloaded", applied=change.applied, needs_a_restart=change.pending)

    # -- what comes from the PBX

    def _arrived(self, packet: Packet) -> None:
        self._events += "Event" in packet
        if packet.get("Event") == "Reload":
            self._staff_asked.set()
        self._intake.put(packet, self._ami.arrived)

    def _link_changed(self, up: bool) -> None:  # noqa: FBT001 - agreed with the client
        if up:
            self._out_of_step.set()
        else:
            self._intake.link_lost(time.time())

    def _book_changed(self) -> None:
        self._queues.refresh()

    async def _follow(self) -> None:
        while True:
            for item in await self._intake.take(_BATCH):
                event = self._event(item)
                if event is not None:
                    self._act(event)
            await asyncio.sleep(0)

    def _event(self, item: Arrival | Missing) -> Event | None:
        if isinstance(item, Missing):
            if item.overflow:
                _log.error("events_dropped", dropped=self._intake.dropped)
                self._out_of_step.set()
            event: Event | None = self._stream.open_gap(item.since, overflow=item.overflow)
        else:
            event = self._stream.read_safely(item.packet, item.at)
        if event is not None:
            self._following.follow(event)
        return event

    def _act(self, event: Event) -> None:
        """Let the queues and the calls made here know of an event."""
        for follower in (self._queues, self._click_to_call):
            try:
                follower.feed(event)
            except Exception as error:  # noqa: BLE001 - one event may cost itself, never the events after it
                self._following.faults.note("event_not_acted_on", error, trace=True)

    # -- what goes to the PBX

    async def _keep_in_step(self) -> None:
        """After every connect, and after an overflow: have the PBX tell what is there."""
        while True:
            await self._out_of_step.wait()
            self._out_of_step.clear()
            try:
                # We live: the dialplan's guard need not find out by a trial, which would cost a call its name.
                await self._ami.action("Setvar", {"Variable": "PBXD_ASKED", "Value": ""})
                await self._ami.action("Setvar", {"Variable": KEY_VARIABLE, "Value": self._lookups.key})
                await self._ami.action("Ping")  # tells the PBX's time before the list, whose items have none
                channels = await self._ami.listing("CoreShowChannels")
            except (UnavailableError, RefusedError, ProtocolError) as error:
                _log.warning("resync_failed", why=str(error))
                if self._ami.connected:
                    await asyncio.sleep(_RESYNC_RETRY_SECONDS)
                    self._out_of_step.set()
            else:
                self._queues.refresh()
                self._staff_asked.set()
                _log.info("resync_done", channels=len(channels))

    async def _keep_staff(self) -> None:
        """Keep the employees the PBX knows in the book: after every connect, its reload or ours, and daily.

        The calls are in step whether or not that can be written.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STAFF_EVERY_SECONDS):
                    await self._staff_asked.wait()
            await asyncio.sleep(_STAFF_SETTLES_SECONDS)
            self._staff_asked.clear()
            try:
                found = await staff(self._ami, self._settings, self._endpoints)
                there = {person.extension for person in found}
                left = await gone(self._ami, await self._employees.on_pbx() - there, beside=there)
                await self._employees.upsert(found, source="pbx")
                await self._employees.retire(left)
            except (UnavailableError, RefusedError, ProtocolError) as error:
                _log.warning("employees_sync_failed", why=str(error))
                if self._ami.connected:
                    await asyncio.sleep(_STAFF_RETRY_SECONDS)
                    self._staff_asked.set()
            else:
                _log.info("employees_synced", employees=len(found), left=len(left))

    async def _heartbeat(self) -> None:
        """Set the global PBXD_ALIVE every second, by which the dialplan's guard sees that pbxd lives again.

        And the key of personal look-ups, which a reload of the dialplan may have cleared.
        """
        while True:
            if self._ami.connected:
                with contextlib.suppress(PbxdError):  # the link's own log tells of its troubles
                    await self._ami.action("Setvar", {"Variable": "PBXD_ALIVE", "Value": str(int(time.time()))})
                    await self._ami.action("Setvar", {"Variable": KEY_VARIABLE, "Value": self._lookups.key})
            await asyncio.sleep(_HEARTBEAT_SECONDS)


def _upgrading(progress: Progress) -> None:
    """Say how far the database's upgrade is, in the log and in `systemctl status`."""
    percent = int(progress.done * 100)
    _log.info("database_upgrade_running", stage=progress.stage, percent=percent, what=progress.what)
    sd_notify(f"STATUS=upgrading the database: {progress.stage} {percent} %")


async def _until_told_to_stop() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    sd_notify("STOPPING=1")  # before anything ends: from here on the watchdog doesn't count
