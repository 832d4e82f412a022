"""`make demo`: the main job on a real Asterisk, narrated. `--keep` leaves it running, with calls and pages."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable

from pbxd.book.employees import Employee
from tests.lab import main_job
from tests.lab.entrance import PASSWORD, Entrance
from tests.lab.lab import COMPANY_NUMBER, Lab
from tests.lab.people import PEOPLE, Person
from tests.lab.processes import LabError
from tests.lab.traffic import Traffic


class Narrator:
    """Tells the steps and remembers whether one failed."""

    def __init__(self) -> None:
        self.failed = 0
        self.began = time.monotonic()

    async def step(self, title: str, run: Awaitable[list[str]]) -> None:
        print(f"\n{title}", flush=True)
        began = time.monotonic()
        try:
            for line in await run:
                print(f"   ✓ {line}")
        except (main_job.Unexpected, LabError) as error:
            self.failed += 1
            print(f"   ✗ {error}")
        print(f"     ({time.monotonic() - began:.1f} s)", flush=True)


async def demo(*, keep: bool) -> int:
    """Run all steps; return the exit status."""
    tell = Narrator()
    async with Lab(quiet=False) as lab:
        daemon = await lab.pbxd({"service": {"language": "ru"}})
        since = time.time()
        ids = await main_job.fill_book(lab)
        print(f"pbxd answers on {daemon.url}; its contact book has {len(ids)} clients")

        async def restart(company_number: str) -> None:
            await daemon.stop()
            daemon.config["dialing"]["company_number"] = company_number
            daemon.write()
            await daemon.start()
            await daemon.until_in_step()

        await tell.step("(a) A client calls: the agent's phone shows who it is", main_job.client_is_named(lab))
        await tell.step("(b) The only agent talks, three callers wait, a VIP joins", main_job.vip_joins(lab))
        await tell.step(
            "    … and in a queue with Local members, as FreePBX makes them", main_job.vip_joins(lab, "support")
        )
        late = ids[main_job.LATE_VIP[0]]
        await tell.step("(c) A waiting caller becomes a VIP", main_job.flagged_while_waiting(lab, late))
        await tell.step("(d) Click-to-call to a client behind an extension", main_job.click_to_call(lab, restart))
        await lab.quiet()
        await tell.step("(e) The history tells all of it", main_job.history(lab, since=since))
        table = await daemon.run("calls", "list", "--limit", "8", env={"COLUMNS": "150"})
        print(f"\n{table.out}")
        print(f"{'FAILED' if tell.failed else 'All seen'} in {time.monotonic() - tell.began:.0f} s")
        if keep:
            async with Entrance(daemon.url).open() as entrance:
                await leave_running(lab, await letting_in(lab, entrance))
    return 1 if tell.failed else 0


async def letting_in(lab: Lab, entrance: Entrance) -> dict[Person, str]:
    """Give the lab's phones to PEOPLE and let them in; return their links, each of which opens the pages signed in."""
    daemon = lab.daemon
    if daemon is None:
        raise LabError("start pbxd first")
    await daemon.add_employees([Employee(person.extension, person.name) for person in PEOPLE])
    links: dict[Person, str] = {}
    for person in PEOPLE:
        asked = {"who": person.extension, "role": person.role}
        _, invited = await daemon.api("/api/v1/users", method="POST", body=asked)
        links[person] = await entrance.take(person, str(invited["link"]))
    return links


async def leave_running(lab: Lab, links: dict[Person, str]) -> None:
    """Say where to look, and let calls come until Ctrl-C."""
    daemon = lab.daemon
    if daemon is None:
        return
    print(
        f"\nStill running, and clients keep calling; Ctrl-C ends everything.\n"
        f"  pbxd's folder      {daemon.folder}   (pbxd.toml, pbxd.db, pbxd.log)\n"
        f"  command line       .venv/bin/pbxd --config {daemon.file} calls list\n"
        f"  HTTP               {daemon.url}/healthz\n"
        f"  Asterisk's folder  {lab.folder}   (etc/, log/)\n"
        f"  Asterisk's AMI     127.0.0.1:{lab.asterisk.ami_port}, SIP 127.0.0.1:{lab.asterisk.sip_port}\n"
        f"  the company        {COMPANY_NUMBER}\n"
        f"\nOpen one of these in a browser on this machine: it is signed in as this person.\n"
        f"Elsewhere sign in at {daemon.url}/sign-in with the extension and the password «{PASSWORD}».\n"
    )
    for person, link in links.items():
        print(f"  {person.extension} {person.name}, {person.role:13} {link}", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    known = (main_job.CLIENT, main_job.VIP, main_job.LATE_VIP, main_job.OFFICE, main_job.NO_EXTENSION)
    calls = asyncio.create_task(Traffic(lab, [*(each[3] for each in known), main_job.STRANGER]).run())
    await asyncio.wait({calls, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    calls.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await calls


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running, let calls come and print where to look")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(demo(keep=arguments.keep))
    return 130


if __name__ == "__main__":
    sys.exit(main())
