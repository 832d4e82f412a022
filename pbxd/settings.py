"""The configuration file, typed: every key with its unit, its default and its reason.

`load` reads TOML, refuses unknown keys and wrong types with one line that names the file and the key, and resolves
relative paths against the file's own folder. Long because it is the list of all keys.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pbxd.errors import ConfigurationError
from pbxd.i18n import _
from pbxd.roles import Sight, Sights

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_PATH = Path("/etc/pbxd/pbxd.toml")
SERVICE_USER = "pbxd"  # of systemd/pbxd.service and pbxd.sysusers
STATE_FOLDER = Path("/var/lib/pbxd")  # of the service; systemd creates it at the first start
CONFIG_VARIABLE = "PBXD_CONFIG"
SECRET_VARIABLE = "PBXD_ASTERISK_SECRET"  # noqa: S105 - the name of a variable, no secret

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"  # systemd.exec(5), LoadCredential

_NUMERIC_HOST = re.compile(r"\[.*\]|[0-9.]+")
_LONGEST_LINE = 200  # characters; as UTF-8, with the header's name, they fit into AMI's line of 1024 bytes
_ONE_LINE = re.compile(rf"[^\r\n\0]{{0,{_LONGEST_LINE}}}")


def _is_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(_("not a regular expression: {why}").format(why=error)) from error
    return value


def _is_address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:  # noqa: PLR2004 - the highest TCP port
        raise ValueError(_("expected HOST:PORT"))
    if _NUMERIC_HOST.fullmatch(host):
        try:
            ip_address(host.strip("[]"))
        except ValueError as error:
            raise ValueError(_("{host} is no address").format(host=host)) from error
    return value


def _is_one_line(value: str) -> str:
    """Accept a text that AMI's login can carry. The error does not show the text: it may be a secret."""
    if not _ONE_LINE.fullmatch(value):
        raise ValueError(_("a line break, a NUL, or more than {limit} characters").format(limit=_LONGEST_LINE))
    return value


def _is_fingerprint(value: str) -> str:
    if not re.fullmatch("(?:[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})?", value):
        raise ValueError(_("expected a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons"))
    return value


def _is_origin(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(_("expected https://HOST or http://HOST:PORT, without a path"))
    if parts.username is not None or parts.fragment or not _is_port(parts):
        raise ValueError(_("expected https://HOST or http://HOST:PORT, without a path"))
    return f"{parts.scheme}://{parts.netloc}".lower()


def _is_named_origin(value: str) -> str:
    if not value:
        raise ValueError(_("expected https://HOST or http://HOST:PORT, without a path"))
    return _is_origin(value)


def _is_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _is_network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise ValueError(_("{value} is no address and no network, such as 10.0.0.0/8").format(value=value)) from error


def _is_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(_("{zone} is no time zone known here, such as Europe/Moscow").format(zone=value)) from error
    return value


Pattern = Annotated[str, AfterValidator(_is_pattern)]
OneLine = Annotated[str, AfterValidator(_is_one_line)]
Address = Annotated[str, AfterValidator(_is_address)]
Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[float, Field(gt=0)]


# As config/cel_custom.conf writes them; the names are those of Asterisk's SQL back ends.
CEL_COLUMNS = (
    "eventtype", "eventtime", "cid_num", "cid_name", "exten", "context", "channame", "appname", "appdata", "uniqueid",
    "linkedid", "peer", "extra",
)  # fmt: skip
CEL_NEEDED = frozenset({"eventtype", "eventtime", "channame", "uniqueid", "linkedid"})
# As cdr_csv writes them with loguniqueid, loguserfield and newcdrcolumns.
CDR_COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip
CDR_NEEDED = frozenset(
    {"src", "dst", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end", "disposition", "linkedid"}
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AsteriskSettings(_Section):
    """The AMI link."""

    name: str = "pbx"  # every record has it as `pbx`
    host: str = "127.0.0.1"
    port: Port = 5038
    username: OneLine = "pbxd"
    secret: OneLine = ""
    secret_file: str = ""
    tls: Literal["off", "on"] = "off"
    tls_ca_file: str = ""  # the authority to trust; empty: the system's authorities. Relative to this file's folder
    tls_server_name: str = ""  # the name that the certificate must have; empty: `host`
    tls_fingerprint: Annotated[str, AfterValidator(_is_fingerprint)] = ""  # instead: trust exactly this certificate
    connect_timeout_seconds: Positive = 5.0
    action_timeout_seconds: Positive = 5.0
    ping_interval_seconds: Positive = 5.0  # a link without an answer for two intervals is closed
    reconnect_first_seconds: Positive = 0.5
    reconnect_longest_seconds: Positive = 30.0
    event_queue_length: Annotated[int, Field(ge=100)] = 100_000
    capture_folder: str = ""  # where raw AMI streams are written; empty: nowhere
    capture_days: Annotated[int, Field(ge=1)] = 7  # older ones are removed when a session begins

    @model_validator(mode="after")
    def _says_tls_where_it_is_meant(self) -> Self:
        if self.tls == "off" and (self.tls_ca_file or self.tls_server_name or self.tls_fingerprint):
            raise ValueError(_('tls_ca_file, tls_server_name and tls_fingerprint need tls = "on"'))
        return self


class BackfillSettings(_Section):
    """The PBX log, from which gaps are filled."""

    cel: str = ""  # a CSV file, or the URL of a database
    cel_columns: list[str] = list(CEL_COLUMNS)  # columns of the CSV file, in order
    cel_table: str = "cel"  # in a database
    cdr: str = ""  # call detail records, for a PBX without CEL: also a file or a database
    cdr_columns: list[str] = list(CDR_COLUMNS)
    cdr_table: str = "cdr"
    time_zone: Annotated[str, AfterValidator(_is_zone)] = "UTC"  # of dates in the log; epoch seconds need none

    @property
    def source(self) -> str:
        """The log that is read: CEL, else CDR; empty when there is none."""
        return self.cel or self.cdr

    @model_validator(mode="after")
    def _has_what_is_needed(self) -> Self:
        wanted = (("cel_columns", CEL_NEEDED, self.cel_columns), ("cdr_columns", CDR_NEEDED, self.cdr_columns))
        for key, needed, there in wanted:
            if missing := needed - set(there):
                raise ValueError(_("{key}: {names} missing").format(key=key, names=", ".join(sorted(missing))))
        if self.cel and self.cdr:
            raise ValueError(_("cel tells all that cdr does, and more: leave cdr empty"))
        return self


class NumberSettings(_Section):
    """How numbers are read and written."""

    region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "RU"
    area_code: Annotated[str, Field(pattern="^[0-9]*$")] = ""  # for local numbers of 5 to 7 digits


class EmployeeSettings(_Section):
    """Which channels and numbers are employees'."""

    pattern: Pattern = r"^\d{2,5}$"  # an endpoint or a dialled number that matches is an extension
    channels: list[Pattern] = []  # instead: patterns for channel names; the first group is the extension


class DatabaseSettings(_Section):
    """Where contacts, calls and everything else are kept."""

    url: str = "sqlite+aiosqlite:///pbxd.db"  # relative to this file's folder
    upgrade: Literal["auto", "refuse"] = "auto"  # what `pbxd run` does with an older schema
    most_waiting_calls: Annotated[int, Field(ge=100)] = 100_000  # in memory, while the database cannot be written


class RetentionSettings(_Section):
    """How long data is kept; the daemon deletes older data, some at a time."""

    calls_days: Annotated[int, Field(ge=0)] = 0  # 0: for ever
    feed_days: Annotated[int, Field(ge=1)] = 30  # how far back a reader of the feed can go
    audit_days: Annotated[int, Field(ge=1)] = 365  # who did what, and what was refused


class AgiSettings(_Section):
    """The FastAGI server."""

    listen: Address = "127.0.0.1:4573"
    deadline_seconds: Positive = 0.05  # from the last header byte to the first command
    header_timeout_seconds: Positive = 2.0
    reply_timeout_seconds: Positive = 5.0  # for a command; Asterisk needs milliseconds
    max_connections: Annotated[int, Field(ge=1)] = 512
    max_line_bytes: Annotated[int, Field(ge=256)] = 2048
    max_headers: Annotated[int, Field(ge=20)] = 100


class HttpSettings(_Section):
    """The HTTP API and the pages."""

    listen: Address = "127.0.0.1:8573"
    public_url: Annotated[str, AfterValidator(_is_origin)] = ""  # how browsers reach pbxd; empty: http://LISTEN
    tls_certificate_file: str = ""  # with its chain; relative to this file's folder, like the key
    tls_key_file: str = ""
    cors_origins: list[Annotated[str, AfterValidator(_is_named_origin)]] = []  # whose pages' scripts may use the API
    trusted_proxies: list[Annotated[str, AfterValidator(_is_network)]] = []  # whose X-Forwarded-… headers count
    max_connections: Annotated[int, Field(ge=8)] = 1024  # of each listener; beyond it the longest idle is closed
    header_timeout_seconds: Positive = 10.0  # a client that has not sent a request's headers by then is disconnected
    upload_folder: str = ""  # where uploaded files lie until they are imported; empty: `uploads` beside the database
    upload_limit_mb: Annotated[int, Field(ge=1)] = 64  # the biggest file that may be uploaded

    @property
    def has_tls(self) -> bool:
        """Whether pbxd itself speaks TLS."""
        return bool(self.tls_certificate_file)

    @property
    def own_url(self) -> str:
        """Where links lead: `public_url`, else the address that pbxd listens on."""
        return self.public_url or f"{'https' if self.has_tls else 'http'}://{self.listen}"

    @model_validator(mode="after")
    def _has_certificate_and_key(self) -> Self:
        if bool(self.tls_certificate_file) != bool(self.tls_key_file):
            raise ValueError(_("tls_certificate_file and tls_key_file need each other"))
        return self


class UserSettings(_Section):
    """Who signs in."""

    session_idle_minutes: Annotated[int, Field(ge=1, le=525_600)] = 720  # a session that is not used so long ends
    session_days: Annotated[int, Field(ge=1, le=365)] = 30  # a session ends after so long, however much it is used
    agents_see_calls: Sight = "all"
    agents_see_contacts: Sight = "all"  # shared ones; by their manager

    @property
    def sights(self) -> Sights:
        """What agents see."""
        return Sights(self.agents_see_calls, self.agents_see_contacts)


class WebhookSettings(_Section):
    """Where webhooks may lead."""

    allowed_networks: list[Annotated[str, AfterValidator(_is_network)]] = []  # besides public addresses

    @property
    def networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks as values."""
        return [ip_network(each) for each in self.allowed_networks]


class RecordingSettings(_Section):
    """Recordings of calls, which the PBX makes."""

    folder: str = ""  # where this machine has them; empty: nobody can hear them here
    pbx_folder: str = "/var/spool/asterisk/monitor"  # what the PBX calls that folder


class QueueSettings(_Section):
    """VIP callers in queues."""

    vip_priority: Annotated[int, Field(ge=1, le=1000)] = 10  # QUEUE_PRIO of a VIP; ordinary callers have 0
    overtake_limit_seconds: Annotated[int, Field(ge=0)] = 600  # who has waited this long is not overtaken; 0: no limit


class DialingSettings(_Section):
    """Click-to-call."""

    device: str = "PJSIP/{extension}"  # the agent's phone
    state_device: str = ""  # whose state says whether the agent is free; empty: `device`, if it has a state
    auto_answer: str = ""  # a header for the agent's phone: alert-info, call-info or "Name: value"; empty: none
    calls_per_minute: Annotated[int, Field(ge=0)] = 10  # for one agent; 0: no limit
    internal: str = "PJSIP/{number}"  # how a colleague is dialled
    trunk: str = "PJSIP/{number}@trunk"  # how a number outside is dialled
    number_format: Literal["national", "international", "e164", "digits"] = "national"  # 8… | 810… | +7… | 7…
    foreign_format: Literal["international", "e164", "digits"] = "international"
    company_number: str = ""  # what the client sees; empty: the trunk decides
    agent_ring_seconds: Annotated[int, Field(ge=1, le=300)] = 25
    client_ring_seconds: Annotated[int, Field(ge=1, le=300)] = 60
    extension_wait: Annotated[str, Field(pattern="^[wW]*$")] = "ww"  # before the digits: w half a second, W a second
    allow_emergency: bool = False
    allow_premium: bool = False
    allow_foreign: bool = False


class ServiceSettings(_Section):
    """The daemon itself."""

    runtime_folder: str = "."  # folder of api.sock; relative to this file's folder
    language: Literal["", "ru", "en"] = ""  # empty: by locale


class LogSettings(_Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"  # auto: console on a terminal, else JSON


class Settings(_Section):
    """The whole configuration."""

    asterisk: AsteriskSettings = AsteriskSettings()
    numbers: NumberSettings = NumberSettings()
    backfill: BackfillSettings = BackfillSettings()
    employees: EmployeeSettings = EmployeeSettings()
    database: DatabaseSettings = DatabaseSettings()
    retention: RetentionSettings = RetentionSettings()
    agi: AgiSettings = AgiSettings()
    http: HttpSettings = HttpSettings()
    users: UserSettings = UserSettings()
    webhooks: WebhookSettings = WebhookSettings()
    recordings: RecordingSettings = RecordingSettings()
    queues: QueueSettings = QueueSettings()
    dialing: DialingSettings = DialingSettings()
    service: ServiceSettings = ServiceSettings()
    logs: LogSettings = LogSettings()
    folder: Path = Field(default=Path(), exclude=True)  # of the configuration file; not a key of it
    source: str = Field(default="", exclude=True)  # the file's name, for messages

    @property
    def database_url(self) -> str:
        """The database URL with a relative SQLite path resolved."""
        scheme, separator, path = self.database.url.partition(":///")
        if not separator or not scheme.startswith("sqlite") or path.startswith("/") or path in {"", ":memory:"}:
            return self.database.url
        return f"{scheme}:///{(self.folder / path).resolve()}"

    @property
    def upload_folder(self) -> Path:
        """The folder of uploaded files."""
        if self.http.upload_folder:
            return (self.folder / self.http.upload_folder).resolve()
        _scheme, _separator, path = self.database_url.partition(":///")
        beside = Path(path).parent if self.database_url.startswith("sqlite") and path.startswith("/") else Path.cwd()
        return beside / "uploads"

    @property
    def link(self) -> AsteriskSettings:
        """The AMI link's settings with their paths resolved."""
        paths = {"capture_folder": self.asterisk.capture_folder, "tls_ca_file": self.asterisk.tls_ca_file}
        return self.asterisk.model_copy(update={key: str(self.folder / path) for key, path in paths.items() if path})

    @property
    def socket_path(self) -> Path:
        """The unix socket between command line and daemon."""
        return (self.folder / self.service.runtime_folder).resolve() / "api.sock"


def load(path: str | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration.

    `path`, else `PBXD_CONFIG`, else /etc/pbxd/pbxd.toml, else defaults in the working folder.
    Raises ConfigurationError with one line that names the file and the key.
    """
    chosen = path or environment.get(CONFIG_VARIABLE)
    file = Path(chosen) if chosen else DEFAULT_PATH
    try:
        with file.open("rb") as stream:
            values = tomllib.load(stream)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not chosen:
            return Settings(folder=Path.cwd())
        raise ConfigurationError(_("{file}: can't be read: {why}").format(file=file, why=error.strerror)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(_("{file}: not valid TOML: {why}").format(file=file, why=error)) from error
    for own in ("folder", "source"):
        if own in values:
            raise ConfigurationError(_("{file}: {key}: unknown key").format(file=file, key=own))
    try:
        return Settings(**values, folder=file.resolve().parent, source=str(file))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            _("{file}: {key}: {why}").format(file=file, key=key, why=why_refused(first))
        ) from error


def why_refused(mistake: ErrorDetails) -> str:
    """Return why pydantic refused a value, in the current language; rare reasons stay in pydantic's English."""
    found = mistake.get("ctx", {})
    texts = {
        "extra_forbidden": _("unknown key"),
        "missing": _("missing"),
        "value_error": "{error}",
        "string_type": _("expected a text"),
        "int_type": _("expected a whole number"),
        "int_parsing": _("expected a whole number"),
        "float_type": _("expected a number"),
        "bool_type": _("expected true or false"),
        "bool_parsing": _("expected true or false"),
        "list_type": _("expected a list"),
        "model_type": _("expected a table of keys"),
        "model_attributes_type": _("expected a table of keys"),
        "literal_error": _("expected {expected}"),
        "greater_than": _("expected more than {gt}"),
        "greater_than_equal": _("expected at least {ge}"),
        "less_than": _("expected less than {lt}"),
        "less_than_equal": _("expected at most {le}"),
        "string_too_short": _("expected at least {min_length} characters"),
        "string_too_long": _("expected at most {max_length} characters"),
        "string_pattern_mismatch": _("expected a text of the form {pattern}"),
    }
    return texts[mistake["type"]].format(**found) if mistake["type"] in texts else mistake["msg"]


def asterisk_secret(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """Return the AMI secret from the environment, `asterisk.secret` or `asterisk.secret_file`.

    A systemd credential (LoadCredential) with the name of that file comes before the file, which can then be readable
    for root only. Raises ConfigurationError if there is no secret or its file cannot be read.
    """
    name = settings.source or str(DEFAULT_PATH)
    secret = environment.get(SECRET_VARIABLE) or settings.asterisk.secret
    if not secret and settings.asterisk.secret_file:
        try:
            secret = _secret_file(settings, environment).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                _("{file}: asterisk.secret_file: can't be read: {why}").format(file=name, why=error)
            ) from error
    if not _ONE_LINE.fullmatch(secret):
        raise ConfigurationError(
            _("{file}: asterisk.secret: a line break, a NUL, or more than {limit} characters").format(
                file=name, limit=_LONGEST_LINE
            )
        )
    if not secret:
        raise ConfigurationError(
            _("{file}: asterisk.secret: missing; set it, asterisk.secret_file or the variable {variable}").format(
                file=name, variable=SECRET_VARIABLE
            )
        )
    return secret


def _secret_file(settings: Settings, environment: Mapping[str, str]) -> Path:
    file = settings.folder / settings.asterisk.secret_file
    credentials = environment.get(CREDENTIALS_VARIABLE)
    if credentials and (Path(credentials) / file.name).exists():
        return Path(credentials) / file.name
    return file
