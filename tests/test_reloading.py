"""What a reload takes over: exactly what is documented, and the rest is named."""

from pathlib import Path

import pytest
import structlog

from pbxd.errors import ConfigurationError
from pbxd.reloading import KEYS, SECTIONS, Reloading, compare
from pbxd.settings import CDR_NEEDED, Settings, load
from tests.asterisk.beside import running
from tests.lab.processes import until
from tests.test_settings import flat

OTHER = {  # another valid value where no simple change makes one
    "numbers.region": "DE", "numbers.area_code": "495", "employees.pattern": "^1..$", "employees.channels": ["^x$"],
    "database.upgrade": "refuse", "agi.listen": "127.0.0.1:1", "http.listen": "127.0.0.1:1",
    "dialing.number_format": "e164", "dialing.foreign_format": "e164", "dialing.extension_wait": "W",
    "backfill.cel_columns": ["eventtype", "eventtime", "channame", "uniqueid", "linkedid"],
    "backfill.cdr_columns": sorted(CDR_NEEDED), "backfill.time_zone": "Europe/Moscow",
    "service.language": "ru", "logs.level": "debug", "logs.format": "json", "asterisk.tls": "on",
    "http.public_url": "https://pbxd.example.org", "http.trusted_proxies": ["10.0.0.0/8"],
    "users.agents_see_calls": "own", "users.agents_see_contacts": "own",
    "webhooks.allowed_networks": ["10.0.0.0/8"], "http.cors_origins": ["https://crm.example.org"],
}  # fmt: skip
NEEDS_TLS = {
    "asterisk.tls_ca_file", "asterisk.tls_server_name", "asterisk.tls_fingerprint", "http.tls_certificate_file",
    "http.tls_key_file",
}  # fmt: skip


def changed(key: str, value: object) -> object:
    if key in OTHER:
        return OTHER[key]
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return f"{value}x" if isinstance(value, str) else value


@pytest.mark.parametrize("key", sorted(set(flat(Settings().model_dump())) - NEEDS_TLS))
def test_every_key_is_either_taken_over_or_named(key: str) -> None:
    running = Settings()
    section, name = key.split(".")
    value = changed(key, flat(running.model_dump())[key])
    wanted = Settings.model_validate({section: {name: value}})
    assert flat(wanted.model_dump())[key] != flat(running.model_dump())[key]
    change = compare(running, wanted)
    if section in SECTIONS or key in KEYS:
        assert (change.applied, change.pending) == ([key], [])
        assert change.settings == wanted
    else:
        assert (change.applied, change.pending) == ([], [key])
        assert change.settings == running


def test_nothing_new_is_nothing_to_do() -> None:
    change = compare(Settings(), Settings())
    assert (change.settings, change.applied, change.pending) == (Settings(), [], [])


def test_what_needs_a_restart_stays_named_at_the_next_reload() -> None:
    wanted = Settings.model_validate({"http": {"listen": "127.0.0.1:1"}, "queues": {"vip_priority": 5}})
    first = compare(Settings(), wanted)
    assert (first.applied, first.pending) == (["queues.vip_priority"], ["http.listen"])
    assert compare(first.settings, wanted).pending == ["http.listen"]


async def test_a_configuration_is_taken_over_when_asked_unless_somebody_refuses_it(tmp_path: Path) -> None:
    file = tmp_path / "pbxd.toml"
    file.write_text("[queues]\nvip_priority = 5\n")
    applied: list[Settings] = []

    def apply(settings: Settings) -> None:
        if settings.queues.vip_priority == 7:
            raise ConfigurationError("no")
        applied.append(settings)

    async def reloaded(priority: int, event: str) -> None:
        file.write_text(f"[queues]\nvip_priority = {priority}\n")
        reloading.request()
        await until(lambda: logs[-1:] != [] and logs[-1]["event"] == event, event)
        logs.clear()

    reloading = Reloading(load(str(file)))
    with structlog.testing.capture_logs() as logs:
        async with running(reloading.run(apply)):
            await reloaded(6, "reloaded")
            assert reloading.settings == applied[-1]
            await reloaded(7, "reload_refused")
            await reloaded(0, "reload_refused")  # not a priority
            assert reloading.settings.queues.vip_priority == 6
            await reloaded(8, "reloaded")
    assert [settings.queues.vip_priority for settings in applied] == [6, 8]
