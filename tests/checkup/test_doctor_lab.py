"""`pbxd doctor` on the real Asterisk: all well where it is, and each thing that is broken is named with its remedy."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from pbxd.book.employees import Employee
from pbxd.checkup.checks import CHECKS, examine
from pbxd.checkup.permissions import Account
from pbxd.settings import CEL_COLUMNS, load
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from tests.checkup.installed import EXTENSIONS, examined, installed, lines, logged, told_otherwise, wrong
from tests.lab import Lab
from tests.lab.certificates import authority, signed
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import until
from tests.lab.reconfiguring import changed, until_listening

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
RELOAD_CEL = ("module reload cel", "module reload cel_manager.so")


def user(change: Callable[[str], str]) -> Callable[[str], str]:
    """Change the section of pbxd's own AMI user only."""

    def edit(text: str) -> str:
        before, marker, after = text.partition("\n[pbxd]\n")
        section, next_marker, rest = after.partition("\n[")
        return before + marker + change(section) + next_marker + rest

    return edit


def line(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda text: re.sub(f"(?m)^{pattern}.*$", replacement, text)


@asynccontextmanager
async def without_module(lab: Lab, module: str) -> AsyncIterator[None]:
    done = await lab.ami_action("ModuleLoad", Module=module, LoadType="unload")
    assert done["Response"] == "Success", done
    try:
        yield
    finally:
        await lab.ami_action("ModuleLoad", Module=module, LoadType="load")


async def nobody_calls(lab: Lab) -> bool:
    return not await lab.channels()


# ---- well ----------------------------------------------------------------------------------------------------------


async def test_all_well_beside_a_running_daemon_and_nobody_notices(lab: Lab) -> None:
    daemon = await lab.pbxd(logged(lab))
    since = (await lab.ami_action("Ping"))["Timestamp"]

    async def employees_known() -> bool:
        return bool((await lab.cli("employees", "list"))["total"] == len(EXTENSIONS))

    await until(employees_known, "the daemon to take over the employees")
    cdr = len(lab.cdr())
    result = await daemon.run("doctor", "--json")
    assert (result.status, result.err) == (0, "")
    assert [one["check"] for one in result.json["checks"]] == list(CHECKS)
    told = {one["check"]: one["message"] for one in result.json["checks"] if one["status"] != "ok"}
    assert told.keys() == {"autofill"}  # the lab has one such queue on purpose
    assert told["autofill"].endswith(": single")
    assert (result.json["failed"], result.json["warnings"]) == (0, 1)
    # Nobody was rung, nothing stays, neither PBX nor pbxd counts a call.
    await until(partial(nobody_calls, lab), "the test call to be gone")
    rows = await lab.until_cel(lambda rows: any(row.eventtime >= float(since) for row in rows), "the test call in CEL")
    assert {row.channame.partition("/")[0] for row in rows if row.eventtime >= float(since)} == {"Local"}
    assert len(lab.cdr()) == cdr
    assert (await lab.cli("calls", "list"))["total"] == 0
    russian = await daemon.run("doctor", env={"LANGUAGE": "ru", "LC_ALL": "ru_RU.UTF-8", "PYTHONUTF8": "1"})
    assert russian.status == 0
    assert "всё в порядке" in russian.out


async def test_without_a_daemon_doctor_answers_the_test_call_itself(lab: Lab) -> None:
    daemon = await installed(lab)
    result = await daemon.run("doctor")
    assert result.status == 1
    assert result.err == "pbxd: 1 check failed\n"
    assert "systemctl enable --now pbxd" in result.out
    assert re.search("✓ test-call .*doctor answered in pbxd's place", result.out)
    signs = "".join(text[0] for text in result.out.splitlines() if not text.startswith(" "))
    daemon_is = CHECKS.index("daemon")
    # The last: the lab's queue without autofill.
    assert signs == f"{'✓' * daemon_is}✗{'✓' * (len(CHECKS) - daemon_is - 2)}!"


async def test_a_trunk_that_tells_the_client_who_of_us_talks_is_a_warning(lab: Lab) -> None:
    daemon = await installed(lab)
    assert (await examined(daemon))["trunks"].status == "ok"
    setting = line("send_connected_line", "")
    async with changed(lab, "pjsip.conf", setting, "module reload res_pjsip.so"):

        async def told() -> bool:
            return (await examined(daemon))["trunks"].status == "warning"

        await until(told, "the trunk's new setting to be seen")
        found = (await examined(daemon))["trunks"]
        assert found.message.endswith(": 74951234567, away, trunk")  # all of the lab
        assert lines(found)[-2:] == ["[trunk]", "send_connected_line = no"]

        def silent(text: str) -> str:
            return text.replace("send_pai = yes", "send_pai = no")

        async with changed(lab, "pjsip.conf", silent, "module reload res_pjsip.so"):

            async def quiet() -> bool:
                return (await examined(daemon))["trunks"].status == "ok"

            await until(quiet, "a trunk without identities to be let be")


async def test_no_secret_is_printed_whatever_is_wrong(lab: Lab) -> None:
    daemon = await installed(lab, {"asterisk": {"secret": "hush-hush"}})
    result = await daemon.run("doctor", "--json")
    assert result.status == 1
    assert "refused" in result.out
    assert "hush" not in result.out + result.err
    daemon.config["asterisk"].update(secret=lab.asterisk.user.secret, username="nobody")
    told = str(await examined(daemon))
    assert "nobody is refused" in told
    assert lab.asterisk.user.secret not in told


# ---- on this machine -----------------------------------------------------------------------------------------------


async def test_an_unusable_configuration_ends_the_rest(lab: Lab) -> None:
    daemon = await installed(lab)
    daemon.config["asterisk"]["hsot"] = "x"
    first, *rest = (await examined(daemon)).values()
    assert (first.check, first.status) == ("configuration", "failed")
    assert "asterisk.hsot: unknown key" in first.message
    assert {one.status for one in rest} == {"skipped"}


async def test_a_missing_secret_is_named_and_the_rest_is_looked_at(lab: Lab) -> None:
    daemon = await installed(lab, {"asterisk": {"secret": ""}})
    found = await examined(daemon)
    assert found["configuration"].status == "failed"
    make = "test -e /etc/pbxd/asterisk-secret || install -m 0600 /dev/null /etc/pbxd/asterisk-secret"
    assert lines(found["configuration"])[0] == make
    assert found["database"].status == "ok"
    assert found["ami"].status == "skipped"


async def test_a_secret_that_everybody_can_read_is_a_warning(lab: Lab) -> None:
    daemon = await installed(lab)
    found = (await examined(daemon, mode=0o644))["configuration"]
    assert (found.status, lines(found)) == ("warning", [f"chmod o= {daemon.file}"])


async def test_an_absent_database_is_not_created(lab: Lab) -> None:
    daemon = lab.prepare()
    found = await examined(daemon)
    assert found["database"].status == "failed"
    assert lines(found["database"]) == ["systemctl enable pbxd", "systemctl restart pbxd"]  # as its own user
    assert found["employees"].status == "skipped"
    assert list(daemon.folder.glob("pbxd.db*")) == []


async def test_a_database_of_another_version_or_damaged(lab: Lab) -> None:
    daemon = await installed(lab)
    file = daemon.folder / "pbxd.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    found = await examined(daemon)
    assert found["database"].status == "failed"
    assert "0000" in found["database"].message
    file.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    found = await examined(daemon)
    assert found["database"].status == "failed"
    assert wrong(found) == {"database": "failed", "people": "skipped", "employees": "skipped"}


async def test_a_daemon_that_hangs_is_told_from_one_that_is_not_there(lab: Lab) -> None:
    daemon = await lab.pbxd()
    daemon.freeze()
    found = await examined(daemon)
    daemon.thaw()
    assert (found["daemon"].status, lines(found["daemon"])) == ("failed", ["systemctl restart pbxd"])
    assert "hangs" in found["daemon"].message
    assert found["test-call"].status == "failed"
    await until(partial(nobody_calls, lab), "the test call to be gone")


async def test_a_daemon_without_its_link_is_not_well(lab: Lab) -> None:
    (nobody,) = free_ports(1)
    daemon = await lab.pbxd({"asterisk": {"port": nobody}})
    daemon.config["asterisk"]["port"] = lab.asterisk.ami_port
    found = await examined(daemon)
    assert found["daemon"].status == "failed"
    assert "no link to the PBX" in found["daemon"].message
    assert (found["ami"].status, found["test-call"].status) == ("ok", "ok")


# ---- the manager interface -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["nobody", "no Asterisk"])
async def test_nobody_answers(lab: Lab, who: str) -> None:
    port = free_ports(1)[0] if who == "nobody" else lab.asterisk.ami_port
    async with told_otherwise(port, "^Asterisk Call Manager", lambda _found: "SSH-2.0") as strange:
        daemon = await installed(lab, {"asterisk": {"port": port if who == "nobody" else strange}})
        found = await examined(daemon)
    assert found["ami"].status == "failed"
    assert {"enabled = yes", f"port = {daemon.config['asterisk']['port']}"} <= set(lines(found["ami"]))
    assert {found[check].status for check in CHECKS[CHECKS.index("ami") + 1 :]} == {"skipped"}


async def test_a_login_that_is_refused(lab: Lab) -> None:
    daemon = await installed(lab, {"asterisk": {"secret": "wrong"}})
    found = await examined(daemon)
    assert (found["ami"].status, found["login"].status) == ("ok", "failed")
    assert {"[pbxd]", "write = call,originate,reporting"} <= set(lines(found["login"]))


async def test_a_certificate_that_is_not_trusted(lab: Lab, tmp_path: Path) -> None:
    own, stranger = authority(tmp_path, "own"), authority(tmp_path, "stranger")
    certificate = signed(tmp_path, "pbx", f"IP:{HOST}", own)
    (port,) = free_ports(1)
    general = f"[general]\ntlsenable = yes\ntlsbindaddr = {HOST}:{port}\ntlscertfile = {certificate.both}"
    async with changed(lab, "manager.conf", line(r"\[general\]", general), "manager reload"):
        await until_listening(port)
        daemon = await installed(lab, {"asterisk": {"tls": "on", "port": port}})
        daemon.config["asterisk"]["tls_ca_file"] = str(own.certificate)
        assert wrong(await examined(daemon)) == {}
        daemon.config["asterisk"]["tls_ca_file"] = str(stranger.certificate)
        found = await examined(daemon)
    assert found["ami"].status == "failed"
    assert "certificate is not trusted" in found["ami"].message


SHIPPED = {"read": "call,agent,user,system", "write": "call,originate,reporting"}


@pytest.mark.parametrize(
    ("kind", "given", "status", "named"),
    [
        ("write", "call,originate,reporting,system", "failed", "write = system:"),
        ("write", "call,originate,reporting,command", "failed", "write = command:"),
        ("write", "call,originate,reporting,config", "failed", "write = config:"),
        ("write", "all", "failed", "write = system, write = command, write = config:"),
        ("write", "call,originate", "failed", "lacks write = reporting"),
        ("write", "originate,reporting", "failed", "lacks write = call"),
        ("write", "call,reporting", "failed", "lacks write = originate"),
        ("write", "call,originate,reporting,agent", "warning", "write = agent"),
        ("read", "agent,user,system", "failed", "lacks read = call"),
        ("read", "call,agent,system", "failed", "lacks read = user"),
        ("read", "call,agent,user", "failed", "lacks read = system"),
    ],
)
async def test_rights(lab: Lab, kind: str, given: str, status: str, named: str) -> None:
    # Without `system` nobody says FullyBooted, and doctor waits this long for it.
    daemon = await installed(lab, {"asterisk": {"connect_timeout_seconds": 2.0}})
    async with changed(lab, "manager.conf", user(line(f"{kind} =", f"{kind} = {given}")), "manager reload"):
        found = await examined(daemon)
    assert found["rights"].status == status
    assert named in found["rights"].message
    assert {f"{key} = {value}" for key, value in SHIPPED.items()} <= set(lines(found["rights"]))


async def test_events_without_their_time(lab: Lab) -> None:
    daemon = await installed(lab)
    async with changed(lab, "manager.conf", line("timestampevents", "timestampevents = no"), "manager reload"):
        found = await examined(daemon)
    assert wrong(found) == {"times": "failed"}
    assert lines(found["times"]) == ["[general](+)", "timestampevents = yes"]


async def test_descriptions_of_channels_without_their_end(lab: Lab) -> None:
    daemon = await installed(lab)
    async with changed(lab, "manager.conf", line("channelvars", "channelvars = PBXD_OTHER"), "manager reload"):
        found = await examined(daemon)
    assert wrong(found) == {"channelvars": "warning"}
    assert lines(found["channelvars"]) == ["[general](+)", "channelvars = PBXD_END_OF_CHANNEL"]


async def test_an_eventfilter_without_its_anchor_and_none_at_all(lab: Lab) -> None:
    daemon = await installed(lab)
    loose = user(lambda text: text.replace("!^Event", "!Event"))
    async with changed(lab, "manager.conf", loose, "manager reload"):
        found = await examined(daemon)
    assert wrong(found) == {"filters": "failed"}
    assert any(text.startswith("eventfilter = !^Event: (VarSet|") for text in lines(found["filters"]))
    noisy = user(lambda text: line("read =", "read = call,agent,user,system,dialplan")(line("eventfilter", "")(text)))
    async with changed(lab, "manager.conf", noisy, "manager reload"):
        found = await examined(daemon)
    assert wrong(found) == {"filters": "warning"}
    assert "VarSet" in found["filters"].message
    older = user(lambda text: "\n".join(each for each in text.splitlines() if "UserEvent:" not in each))
    async with changed(lab, "manager.conf", older, "manager reload"):
        found = await examined(daemon)
    assert wrong(found) == {"filters": "warning"}
    assert "UserEvent" in found["filters"].message
    older = user(lambda text: "\n".join(each for each in text.splitlines() if "CallerIDrdnis:" not in each))
    async with changed(lab, "manager.conf", older, "manager reload"):
        found = await examined(daemon)
    assert wrong(found) == {"filters": "warning"}
    assert "Diversion" in found["filters"].message


def added(text: str) -> Callable[[str], str]:
    return lambda section: f"{section}\n{text}\n"


@pytest.mark.parametrize(
    ("filter_line", "named"),
    [
        ("eventfilter = !^Event: (Bridge|Queue)", "BridgeEnter, BridgeLeave"),
        ("eventfilter = !Event: HangupRequest", "HangupRequest"),
        ("eventfilter = !^Event: LocalBridge", "LocalBridge"),
        ("eventfilter = !^Event: Dial", "DialBegin, DialEnd"),
        ("eventfilter = !^Channel: Local/", ""),  # Asterisk's ^ is the beginning of the event: this hides nothing
        ("eventfilter = !Event: New", "Newchannel, Newstate"),
        ("eventfilter = !Channel: Local/", "Newchannel, Newstate"),
        # What no test call makes, read in the file.
        ("eventfilter = !^Event: Queue", "QueueCallerJoin, QueueCallerLeave"),
        ("eventfilter = !^Event: (Blind|Attended)Transfer", "AttendedTransfer, BlindTransfer"),
        ("eventfilter = !Channel: PJSIP/", "AttendedTransfer, BlindTransfer, BridgeEnter"),
        ("eventfilter(action(exclude),name(ParkedCall)) =", "ParkedCall"),
    ],
)
async def test_an_eventfilter_that_hides_what_the_history_needs(lab: Lab, filter_line: str, named: str) -> None:
    daemon = await installed(lab)
    async with changed(lab, "manager.conf", user(added(filter_line)), "manager reload"):
        found = await examined(daemon)
    assert found["filters"].status == ("failed" if named else "ok")
    assert named in found["filters"].message
    if named:
        assert any(text.startswith("eventfilter = !^Event: (VarSet|") for text in lines(found["filters"]))


async def test_a_manager_conf_that_cannot_be_read_is_a_warning(lab: Lab) -> None:
    daemon = await installed(lab)
    (lab.asterisk.run / "etc" / "manager.conf").rename(lab.asterisk.run / "etc" / "manager.conf.away")
    try:
        found = await examined(daemon)
    finally:
        (lab.asterisk.run / "etc" / "manager.conf.away").rename(lab.asterisk.run / "etc" / "manager.conf")
    assert wrong(found) == {"filters": "warning"}


async def test_general_lines_pasted_at_the_end_of_manager_conf_take_effect(lab: Lab) -> None:
    daemon = await installed(lab)
    async with changed(lab, "manager.conf", line("timestampevents", "timestampevents = no"), "manager reload"):
        found = await examined(daemon)
        pasted = "\n".join(lines(found["times"]))
        async with changed(lab, "manager.conf", added(pasted), "manager reload"):
            assert wrong(await examined(daemon)) == {}


# ---- the PBX -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("16.28.0~dfsg-0+deb11u4", {"version": "warning", "immediate": "warning"}),
        ("18.20.0", {"version": "warning"}),
        ("20.4.0", {"immediate": "warning"}),
        ("certified/20.7-cert4", {}),
        ("GIT-master-1a2b", {"version": "warning", "immediate": "skipped"}),
    ],
)
async def test_versions(lab: Lab, version: str, expected: dict[str, str]) -> None:
    told = told_otherwise(lab.asterisk.ami_port, "^AsteriskVersion: .*\r", lambda _: f"AsteriskVersion: {version}\r")
    async with told as port:
        daemon = await installed(lab, {"asterisk": {"port": port}})
        assert wrong(await examined(daemon)) == expected


@pytest.mark.parametrize("skew", [-3600.0, 5.0])
async def test_a_clock_that_goes_wrong(lab: Lab, skew: float) -> None:
    def shifted(found: re.Match[str]) -> str:
        return f"Timestamp: {float(found[1]) + skew:.6f}\r"

    async with told_otherwise(lab.asterisk.ami_port, "^Timestamp: (.*)\r", shifted) as port:
        daemon = await installed(lab, {"asterisk": {"port": port}})
        found = await examined(daemon)
    assert wrong(found) == {"clock": "warning"}
    assert f"{skew:+.1f} s" in found["clock"].message


async def test_no_channel_events(lab: Lab) -> None:
    daemon = await installed(lab)
    text = (ROOT / "config" / "cel.conf").read_text(encoding="utf-8").replace("enabled = yes", "enabled = no")
    async with changed(lab, "cel.conf", lambda _: text, *RELOAD_CEL):
        found = await examined(daemon)
    assert wrong(found) == {"cel": "warning"}
    file, reload = found["cel"].remedies
    assert file.lines[-2:] == ("[manager]", "enabled = yes")
    # What is printed is what mends it: the engine and its events over AMI were off.
    off = changed(lab, "cel.conf", lambda _: "[general]\nenable = no\n", *RELOAD_CEL)
    async with off:
        assert wrong(await examined(daemon)) == {"cel": "warning"}
        (lab.asterisk.run / "etc" / "cel.conf").write_text("\n".join(file.lines), encoding="utf-8")
        for command in reload.lines:
            await lab.command(command.partition("-rx ")[2].strip('"'))
        assert wrong(await examined(daemon)) == {}


# ---- the log that fills gaps ---------------------------------------------------------------------------------------


async def test_gaps_that_nothing_fills_are_a_warning(lab: Lab) -> None:
    daemon = await installed(lab)
    daemon.config["backfill"]["cel"] = ""
    found = await examined(daemon)
    assert wrong(found) == {"backfill": "warning"}
    assert lines(found["backfill"])[:2] == ["[backfill]", 'cel = "/var/log/asterisk/cel-custom/pbxd.csv"']
    assert 'asterisk -rx "module load cel_custom.so"' in lines(found["backfill"])


async def test_the_last_lines_of_the_log_are_read(lab: Lab) -> None:
    daemon = await installed(lab)
    log = Path(str(daemon.config["backfill"]["cel"]))
    found = (await examined(daemon))["backfill"]
    assert (found.status, "its last line is of " in found.message) == ("ok", True)
    other = daemon.folder / "other.csv"
    daemon.config["backfill"]["cel"] = str(other)
    found = (await examined(daemon))["backfill"]
    assert (found.status, "No such file" in found.message) == ("failed", True)
    lines_there = await asyncio.to_thread(log.read_text, encoding="utf-8")
    await asyncio.to_thread(other.write_text, lines_there, encoding="utf-8")
    found = (await examined(daemon))["backfill"]
    assert (found.status, "lacks the test call" in found.message) == ("failed", True)
    daemon.config["backfill"].update(cel=str(log), cel_columns=[*CEL_COLUMNS, "userfield"])
    found = (await examined(daemon))["backfill"]
    assert (found.status, "no line that matches" in found.message) == ("failed", True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, in whose place others can be tried")
async def test_a_log_in_a_folder_that_is_closed_to_the_service(lab: Lab) -> None:
    daemon = await installed(lab)
    nobody = Account.of("nobody")
    assert nobody
    closed = Path(tempfile.mkdtemp(prefix="pbxd-", dir="/tmp"))
    shutil.chown(closed, group="adm")
    os.chmod(closed, 0o750)  # noqa: PTH101, S103 - quick, and in a test
    log = closed / "cel.csv"
    log.symlink_to(str(daemon.config["backfill"]["cel"]))
    daemon.config["backfill"]["cel"] = str(log)
    try:
        daemon.write()
        found = {each.check: each for each in await examine(lambda: load(str(daemon.file)), lambda _settings: nobody)}[
            "backfill"
        ]
    finally:
        shutil.rmtree(closed)
    assert (found.status, "Permission denied" in found.message) == ("failed", True)
    assert lines(found) == [f'usermod -aG "$(stat -c %G {closed})" pbxd', "systemctl restart pbxd"]


async def test_a_log_whose_times_are_of_another_zone() -> None:
    """FreePBX's dates are local, and the configuration takes them for UTC. A lab of its own: a date format stays."""
    offset = datetime.now().astimezone().utcoffset()
    assert offset is not None
    hours = round(offset.total_seconds() / 3600)
    other = hours - 5 if hours > 0 else hours + 5
    text = (ROOT / "config" / "cel.conf").read_text(encoding="utf-8")
    dates = text.replace("[general]\n", "[general]\ndateformat = %Y-%m-%d %H:%M:%S\n")
    async with Lab() as lab, changed(lab, "cel.conf", lambda _: dates, *RELOAD_CEL):
        daemon = await installed(lab)
        daemon.config["backfill"].update(time_zone=f"Etc/GMT{-other:+d}")
        found = (await examined(daemon))["backfill"]
        assert found.status == "failed"
        assert f"differ by {hours - other:+.1f} h from the clock" in found.message
        assert lines(found)[1].startswith("time_zone = ")
        daemon.config["backfill"].update(time_zone=f"Etc/GMT{-hours:+d}")
        assert wrong(await examined(daemon)) == {}


# ---- the dialplan --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["func_strings.so", "func_callerid.so", "func_logic.so", "func_timeout.so"])
async def test_a_function_that_is_not_loaded(lab: Lab, module: str) -> None:
    daemon = await installed(lab)
    async with without_module(lab, module):
        found = await examined(daemon)
    assert found["functions"].status == "failed"
    assert f'asterisk -rx "module load {module}"' in lines(found["functions"])
    assert f"load = {module}" in lines(found["functions"])
    if module in {"func_strings.so", "func_callerid.so"}:
        assert found["test-call"].status == "failed"
        assert module.removesuffix(".so") in " ".join([found["test-call"].message, *lines(found["test-call"])])


async def test_a_dialplan_without_our_part_or_with_an_older_one(lab: Lab) -> None:
    daemon = await installed(lab)
    async with changed(lab, "extensions.conf", line("#include", ""), "dialplan reload"):
        found = await examined(daemon)
    assert wrong(found) == {"dialplan": "failed", "test-call": "skipped", "filters": "skipped"}
    assert '#include "/etc/asterisk/pbxd.conf"' in lines(found["dialplan"])
    await lab.command("dialplan remove context pbxd-doctor")
    try:
        found = await examined(daemon)
    finally:
        await lab.command("dialplan reload")
    assert found["dialplan"].status == "failed"
    assert "older" in found["dialplan"].message
    assert found["dialplan"].message.endswith(": pbxd-doctor hold, pbxd-doctor look, pbxd-doctor talk")
    assert found["times"].status == "ok"  # seen all the same


async def test_a_dialplan_that_never_asks(lab: Lab) -> None:
    daemon = await installed(lab)

    def forget(text: str) -> str:
        return text.replace("Gosub(pbxd-lookup,s,1", "NoOp(nobody is asked")

    async with AsyncExitStack() as stack:
        for file in ("freepbx.conf", "extensions.conf"):
            await stack.enter_async_context(changed(lab, file, forget, "dialplan reload"))
        found = await examined(daemon)
    assert wrong(found) == {"hooks": "failed"}
    assert "exten => _X.,1,Gosub(pbxd-lookup,s,1)" in lines(found["hooks"])


@pytest.mark.parametrize(
    ("change", "status", "places"),
    [
        (line("exten => T,1.limit.,GotoIf", "exten => t,1,NoOp()"), "failed", "pbxd-lookup T"),  # the guard's
        (line("exten => T,1.hung.", ""), "failed", "pbxd-trial T"),
        (line(" same => n.limit.,ExecIf", ""), "failed", "pbxd-lookup s"),
        (line(" same => n.limit.,ExecIf", " same => n(limit),NoOp()"), "warning", "pbxd-lookup s"),
    ],
)
async def test_a_part_of_the_dialplan_that_was_cut_or_changed(
    lab: Lab, tmp_path: Path, change: Callable[[str], str], status: str, places: str
) -> None:
    daemon = await installed(lab)
    shipped = ROOT / "dialplan" / "pbxd.conf"
    (tmp_path / "pbxd.conf").write_text(change(shipped.read_text(encoding="utf-8")), encoding="utf-8")
    own = str(tmp_path / "pbxd.conf")
    async with changed(lab, "extensions.conf", lambda text: text.replace(str(shipped), own), "dialplan reload"):
        found = await examined(daemon)
    assert wrong(found) == {"dialplan": status}
    assert places in found["dialplan"].message


async def test_a_look_up_that_no_call_from_outside_comes_to(lab: Lab) -> None:
    daemon = await installed(lab)

    def misplaced(text: str) -> str:
        text = re.sub(r"(?ms)^\[from-trunk\].*?(?=^;)", "[from-trunk]\nexten => _X.,1,Goto(lab-ring,102,1)\n", text)
        return text + "\n[from-nowhere]\nexten => _X.,1,Gosub(pbxd-lookup,s,1)\n same => n,Goto(lab-queue,sales,1)\n"

    async with changed(lab, "extensions.conf", misplaced, "dialplan reload"):
        found = await examined(daemon)
    assert wrong(found) == {"hooks": "failed"}
    assert found["hooks"].message.startswith("calls from trunks start in from-trunk, ")
    assert "from-nowhere" in found["hooks"].message
    assert lines(found["hooks"])[0].startswith("[from-trunk]")


async def test_a_dialplan_that_asks_elsewhere(lab: Lab) -> None:
    daemon = await installed(lab)
    (nobody,) = free_ports(1)
    async with AsyncExitStack() as stack:
        before = (await lab.ami_action("Getvar", Variable="PBXD_AGI"))["Value"]
        stack.push_async_callback(lab.ami_action, "Setvar", Variable="PBXD_AGI", Value=before)
        await lab.ami_action("Setvar", Variable="PBXD_AGI", Value=f"{HOST}:{nobody}")
        found = await examined(daemon)
    assert wrong(found) == {"test-call": "failed"}
    assert f"asks {HOST}:{nobody}" in found["test-call"].message
    assert lines(found["test-call"]) == ["[globals](+)", f"PBXD_AGI = {daemon.config['agi']['listen']}"]


async def test_an_address_that_another_program_has(lab: Lab) -> None:
    daemon = await installed(lab)
    host, _colon, port = str(daemon.config["agi"]["listen"]).partition(":")
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), host, int(port)):
        found = await examined(daemon)
    assert wrong(found) == {"ports": "failed", "test-call": "failed"}
    assert "another program listens" in found["test-call"].message


# ---- people and queues ---------------------------------------------------------------------------------------------


async def test_employees_who_left_and_who_are_missing(lab: Lab) -> None:
    daemon = await installed(lab)
    async with await Database.open(load(str(daemon.file)).database_url, create=False) as database:
        await Employees(database).upsert([Employee("177", name="Gone")], source="list")
    found = await examined(daemon)
    assert wrong(found) == {"employees": "warning"}
    assert found["employees"].message.endswith(": 177")
    with sqlite3.connect(daemon.folder / "pbxd.db") as connection:
        connection.execute("DELETE FROM extension_ownership WHERE extension IN ('177', '104')")
        connection.execute("DELETE FROM employees WHERE extension IN ('177', '104')")
    connection.close()
    found = await examined(daemon)
    assert wrong(found) == {"employees": "warning"}
    assert found["employees"].message.endswith("not in the book: 104")


async def test_queues_that_serve_only_their_head(lab: Lab) -> None:
    daemon = await installed(lab)
    text = (ROOT / "config" / "queues.conf").read_text(encoding="utf-8")
    own = (lab.asterisk.run / "etc" / "queues.conf").read_text(encoding="utf-8")
    slow = re.sub("(?m)^#include.*$", lambda _: text.replace("autofill = yes", "autofill = no"), own)
    slow += "".join(f"\n[{queue}](+)\nautofill => yes\n" for queue in ("support", "ringall"))
    async with changed(lab, "queues.conf", lambda _: slow):
        found = await examined(daemon)
    assert found["autofill"].status == "warning"
    assert found["autofill"].message.endswith(": sales, single")
