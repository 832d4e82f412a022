"""The dialplan: what it needs of Asterisk, whether our part is in it, who calls it, and what becomes of a call."""

from __future__ import annotations

from pbxd.asterisk.ami import AmiClient, Packet
from pbxd.checkup import remedies
from pbxd.checkup.finding import Finding, Remedy, failed, ok, skipped
from pbxd.checkup.testcall import CALLER, CONTEXT, NAME, Observed
from pbxd.i18n import _
from pbxd.settings import Settings

# What pbxd.conf asks -> what a working Asterisk answers (None: anything but nothing), and the module that answers.
_FUNCTIONS: dict[str, tuple[str | None, str]] = {
    "FILTER(0-9,1a2)": ("12", "func_strings.so"),  # ARRAY, which the daemon writes with, lives there too
    "IF(1?yes:no)": ("yes", "func_logic.so"),
    "CALLERID(pres)": (None, "func_callerid.so"),
    "DIALPLAN_EXISTS(pbxd-lookup,s,1)": (None, "func_dialplan.so"),
    "TIMEOUT(absolute)": (None, "func_timeout.so"),
}
_LISTING_SECONDS = 30.0  # FreePBX's dialplan has ten thousands of lines
_INCLUDE = ('#include "/etc/asterisk/pbxd.conf"',)
_CALL = ("exten => _X.,1,Gosub(pbxd-lookup,s,1)", " same => n,…")


async def functions(ami: AmiClient) -> Finding:
    """Ask the PBX for what its functions give."""
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
    where = _("in /etc/asterisk/modules.conf, where it doesn't say autoload = yes")
    lines = tuple(f"load = {module}" for module in missing)
    return failed(check, message.format(functions=", ".join(missing.values())), loads, Remedy(where, lines))


async def included(ami: AmiClient) -> Finding:
    """Look for our part of the dialplan."""
    check = "dialplan"
    copy = remedies.shell("install -m 0644 dialplan/pbxd.conf /etc/asterisk/pbxd.conf")
    if await _value(ami, "DIALPLAN_EXISTS(pbxd-lookup,s,1)") == "0":
        message = _("pbxd's part of the dialplan is not in the PBX's")
        return failed(check, message, copy, remedies.extensions(*_INCLUDE))
    if await _value(ami, f"DIALPLAN_EXISTS({CONTEXT},look,1)") == "0":
        message = _("pbxd's part of the dialplan is older than this pbxd")
        return failed(check, message, copy, remedies.shell('asterisk -rx "dialplan reload"'))
    return ok(check, _("pbxd's part of the dialplan is there"))


async def hooks(ami: AmiClient) -> Finding:
    """Look through the dialplan for whoever calls the look-up."""
    check = "hooks"
    lines = await ami.listing("ShowDialPlan", timeout=_LISTING_SECONDS)
    callers = sorted({line.get("Context", "") for line in lines if _asks(line)})
    if callers:
        return ok(check, _("callers are looked up in: {contexts}").format(contexts=", ".join(callers)))
    message = _("no call is looked up: the dialplan nowhere has Gosub(pbxd-lookup,s,1)")
    context = ("[from-trunk]                                ; " + _("where calls come in, before their queue"),)
    return failed(check, message, remedies.extensions(*context, *_CALL))


def _asks(line: Packet) -> bool:
    return "Gosub(pbxd-lookup" in f"{line.get('Application')}({line.get('AppData')}" and not line.get(
        "Context", ""
    ).startswith("pbxd-")


async def test_call(ami: AmiClient, settings: Settings, seen: Observed, *, served: bool) -> Finding:
    """Judge what became of the test call."""
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
        return ok(check, _("the dialplan asks pbxd's address, and a call gets its name (doctor answered for pbxd)"))
    return ok(check, _("a call through the dialplan is looked up by the running pbxd"))


def _unreported(check: str, seen: Observed) -> Finding:
    if seen.refused:
        return skipped(check, _("not made: {why}").format(why=seen.refused))
    if seen.unmade:
        return skipped(check, _("not made: pbxd's part of the dialplan is missing or older"))
    if not seen.ended and seen.channels:
        message = _("the call got stuck in the look-up: whoever listens on agi.listen accepts and doesn't answer")
        return failed(check, message, remedies.shell("systemctl restart pbxd"))
    modules = ("res_agi.so", "app_stack.so", "app_userevent.so", "func_strings.so")
    message = _("the call was made, but the dialplan didn't report its end")
    return failed(check, message, remedies.shell(*(f'asterisk -rx "module load {module}"' for module in modules)))


async def _unanswered(ami: AmiClient, settings: Settings, check: str, seen: Observed) -> Finding:
    asked = await _value(ami, "PBXD_AGI") or "127.0.0.1:4573"
    if asked != settings.agi.listen:
        message = _("the dialplan asks {asked}, but pbxd listens on {listens} (agi.listen)")
        address = remedies.extensions("[globals]", f"PBXD_AGI = {settings.agi.listen}")
        return failed(check, message.format(asked=asked, listens=settings.agi.listen), address)
    if seen.status == "skipped":
        message = _("the dialplan doesn't ask pbxd for some seconds, because an earlier question was never answered")
        return failed(check, message, remedies.shell("systemctl restart pbxd"))
    if seen.asked:
        message = _("pbxd was asked, but its answer didn't arrive: func_strings (ARRAY) is not loaded")
        return failed(check, message, remedies.shell('asterisk -rx "module load func_strings.so"'))
    message = _("the look-up got no answer from {asked}").format(asked=asked)
    return failed(check, message, remedies.service_log())


async def _value(ami: AmiClient, expression: str) -> str:
    return (await ami.action("Getvar", {"Variable": expression})).get("Value", "")
