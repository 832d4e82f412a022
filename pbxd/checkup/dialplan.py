"""The dialplan: what it needs of Asterisk, pbxd's part of it, who calls that, and the result of a test call."""

from __future__ import annotations

from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.asterisk.endpoints import Endpoints
from pbxd.checkup import reachability, remedies, shipped_dialplan
from pbxd.checkup.result import Finding, Remedy, failed, ok, skipped, warning
from pbxd.checkup.test_call import CALLER, NAME, Observed
from pbxd.i18n import _
from pbxd.settings import Settings

# What pbxd.conf evaluates -> the answer of a working Asterisk (None: any text), and the module that answers.
_FUNCTIONS: dict[str, tuple[str | None, str]] = {
    "FILTER(0-9,1a2)": ("12", "func_strings.so"),  # ARRAY, with which the daemon writes, is in it too
    "IF(1?yes:no)": ("yes", "func_logic.so"),
    "CALLERID(pres)": (None, "func_callerid.so"),
    "DIALPLAN_EXISTS(pbxd-lookup,s,1)": (None, "func_dialplan.so"),
    "TIMEOUT(absolute)": (None, "func_timeout.so"),
}
_LISTING_SECONDS = 30.0  # FreePBX's dialplan has tens of thousands of lines
_INCLUDE = ('#include "/etc/asterisk/pbxd.conf"',)
_TECHNOLOGIES = frozenset({"PJSIP", "SIP", "IAX2", "DAHDI"})
_FREEPBX_HOOK = "macro-dialout-one-predial-hook"  # in dialplan/pbxd-freepbx.conf
_CALL = ("exten => _X.,1,Gosub(pbxd-lookup,s,1)", " same => n,…")


async def functions(ami: AmiClient) -> Finding:
    """Ask the PBX to evaluate the functions that the dialplan needs."""
    check = "functions"
    missing = {}
    for function, (expected, module) in _FUNCTIONS.items():
        value = await _value(ami, function)
        if value == "" or expected not in {None, value}:
            missing[module] = function.partition("(")[0]
    if not missing:
        return ok(check, _("everything the dialplan needs is loaded"))
    message = _("Asterisk lacks functions the dialplan needs: {functions}")
    loads = remedies.shell(*(f'asterisk -rx "module load {module}"' for module in missing))
    where = _("in /etc/asterisk/modules.conf, unless it has autoload = yes")
    lines = tuple(f"load = {module}" for module in missing)
    return failed(check, message.format(functions=", ".join(missing.values())), loads, Remedy(where, lines))


async def part_and_hooks(ami: AmiClient, settings: Settings) -> list[Finding]:
    """Look for pbxd's part of the dialplan, and for the contexts that call it."""
    lines = await ami.listing("ShowDialPlan", timeout=_LISTING_SECONDS)
    return [_part(lines), _hooks(lines, *await _entries(ami, settings))]


def _part(lines: list[Packet]) -> Finding:
    check = "dialplan"
    copy = remedies.shell("install -m 0644 dialplan/pbxd.conf /etc/asterisk/pbxd.conf")
    reload = remedies.shell('asterisk -rx "dialplan reload"')
    ours, there = shipped_dialplan.shipped(), shipped_dialplan.loaded(lines)
    missing, changed = shipped_dialplan.missing(ours, there), shipped_dialplan.changed(ours, there)
    if len(missing) == len(ours):
        return failed(check, _("the PBX's dialplan lacks pbxd's part"), copy, remedies.extensions(*_INCLUDE))
    if missing:
        message = _("pbxd's part of the dialplan is older than this pbxd, or incomplete; it lacks: {places}")
        return failed(check, message.format(places=", ".join(missing)), copy, reload)
    if changed:
        message = _("pbxd's part of the dialplan is of another version; it differs in: {places}")
        return warning(check, message.format(places=", ".join(changed)), copy, reload)
    return ok(check, _("pbxd's part of the dialplan is there"))


async def _entries(ami: AmiClient, settings: Settings) -> tuple[set[str], bool]:
    """Return the contexts in which calls from trunks start, and whether these are all."""
    endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
    found: set[str] = set()
    complete = True
    for state in await ami.listing("DeviceStateList"):
        technology, _slash, name = (device := state.get("Device", "")).partition("/")
        if technology not in _TECHNOLOGIES or endpoints.of_device(device).kind == "extension":
            continue
        context = await _value(ami, f"PJSIP_ENDPOINT({name},context)") if technology == "PJSIP" else ""
        found |= {context} - {""}
        complete = complete and bool(context)
    return found, complete


def _hooks(lines: list[Packet], entries: set[str], complete: bool) -> Finding:  # noqa: FBT001 - comes with the entries
    """Look for calls of the look-up in the dialplan, and whether callers reach them."""
    check = "hooks"
    callers = sorted({line.get("Context", "") for line in lines if _asks(line)})
    context = (f"[{min(entries, default='from-trunk')}]   ; " + _("where calls arrive, before their queue"),)
    remedy = [remedies.extensions(*context, *_CALL)]
    if any(line.get("Context") == _FREEPBX_HOOK for line in lines):
        where = _("on FreePBX instead, in its web interface")
        remedy.append(Remedy(where, ("Admin > Custom Destinations: pbxd-lookup,s,1, Return: Yes",)))
    if not callers:
        message = _("no caller is looked up: the dialplan has no Gosub(pbxd-lookup,s,1)")
        return failed(check, message, *remedy)
    listed = ", ".join(callers)
    if not entries:
        message = _("callers are looked up in: {contexts}; it is not known which trunks lead there")
        return ok(check, message.format(contexts=listed))
    ways, dynamic = reachability.links(lines)
    there = reachability.reached(ways, entries)
    if met := [each for each in callers if each in there]:
        return ok(check, _("callers are looked up in: {contexts}").format(contexts=", ".join(met)))
    message = _("calls from trunks start in {entries}, and nothing leads from there to the look-up in: {contexts}")
    judged = failed if complete and not dynamic & there else warning
    return judged(check, message.format(entries=", ".join(sorted(entries)), contexts=listed), *remedy)


def _asks(line: Packet) -> bool:
    """Whether this line asks for a caller's name.

    Our own files don't count: they don't prove that callers reach them.
    """
    context = line.get("Context", "")
    own = context.startswith("pbxd-") or context == _FREEPBX_HOOK
    return not own and "Gosub(pbxd-lookup" in f"{line.get('Application')}({line.get('AppData')}"


async def test_call(ami: AmiClient, settings: Settings, seen: Observed, *, served: bool) -> Finding:
    """Judge the result of the test call."""
    check = "test-call"
    if seen.refused or seen.unmade or not seen.reported:
        return _unreported(check, seen)
    if not served and not seen.own_listener:
        message = _("another program listens on {listens} (agi.listen)")
        return failed(check, message.format(listens=settings.agi.listen), remedies.shell("ss -ltnp"))
    if seen.status in {"", "error", "skipped"}:
        return await _unanswered(ami, settings, check, seen)
    if seen.ended and (seen.number != CALLER or (seen.asked and seen.name != NAME)):
        message = _("the look-up works, but the dialplan can't set a caller's number and name")
        return failed(check, message, remedies.shell('asterisk -rx "module load func_callerid.so"'))
    if not served:
        return ok(
            check, _("the dialplan asks pbxd's address, and the call gets a name (doctor answered in pbxd's place)")
        )
    return ok(check, _("the running pbxd answers the dialplan's look-up"))


def _unreported(check: str, seen: Observed) -> Finding:
    if seen.refused:
        return skipped(check, _("not made: {why}").format(why=seen.refused))
    if seen.unmade:
        return skipped(check, _("not made: pbxd's part of the dialplan is missing or older"))
    if not seen.ended and seen.channels:
        message = _("the call hangs in the look-up: the program on agi.listen accepts it but does not answer")
        return failed(check, message, remedies.shell("systemctl restart pbxd"))
    modules = ("res_agi.so", "app_stack.so", "app_userevent.so", "func_strings.so")
    message = _("the call was made, but the dialplan did not report its end")
    return failed(check, message, remedies.shell(*(f'asterisk -rx "module load {module}"' for module in modules)))


async def _unanswered(ami: AmiClient, settings: Settings, check: str, seen: Observed) -> Finding:
    asked = await _value(ami, "PBXD_AGI") or "127.0.0.1:4573"
    if asked != settings.agi.listen:
        message = _("the dialplan asks {asked}, but pbxd listens on {listens} (agi.listen)")
        address = remedies.extensions("[globals](+)", f"PBXD_AGI = {settings.agi.listen}")
        return failed(check, message.format(asked=asked, listens=settings.agi.listen), address)
    if seen.status == "skipped":
        message = _("the dialplan skips pbxd for some seconds, because an earlier look-up got no answer")
        return failed(check, message, remedies.shell("systemctl restart pbxd"))
    if seen.asked:
        message = _("pbxd got the look-up, but its answer had no effect: func_strings (ARRAY) is not loaded")
        return failed(check, message, remedies.shell('asterisk -rx "module load func_strings.so"'))
    message = _("the look-up got no answer from {asked}").format(asked=asked)
    return failed(check, message, remedies.service_log())


async def _value(ami: AmiClient, expression: str) -> str:
    return (await ami.action("Getvar", {"Variable": expression})).get("Value", "")
