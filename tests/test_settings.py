"""The configuration: the documented file equals the code, and every mistake is one line that names file and key."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd import i18n
from pbxd.errors import ConfigurationError
from pbxd.settings import SECRET_VARIABLE, Settings, asterisk_secret, load

DOCUMENTED = Path(__file__).parent.parent / "config" / "pbxd.toml"
SMALLEST = """
[asterisk]
host = "127.0.0.1"
port = 5038
username = "pbxd"
secret = "s3cret"
[numbers]
region = "RU"
[database]
url = "sqlite+aiosqlite:///pbxd.db"
[agi]
listen = "127.0.0.1:4573"
[http]
listen = "127.0.0.1:8573"
"""


def written(folder: Path, text: str) -> str:
    file = folder / "pbxd.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def flat(values: dict[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, keys in values.items() for key, value in keys.items()}


def test_the_documented_file_names_every_key_with_its_default() -> None:
    assert flat(tomllib.loads(DOCUMENTED.read_text(encoding="utf-8"))) == flat(Settings().model_dump())


def test_every_documented_production_value_is_accepted(tmp_path: Path) -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    changed, count = re.subn(r"^(\w+) = [^\n]*\n# production: (\1 = \"[^\"]*\")", r"\2", text, flags=re.MULTILINE)
    assert count == text.count("# production: ") > 2
    settings = load(written(tmp_path, changed), {})
    assert settings.socket_path == Path("/run/pbxd/api.sock")
    assert settings.database_url == "sqlite+aiosqlite:////var/lib/pbxd/pbxd.db"


def test_the_smallest_file_works_and_its_database_lies_beside_it(tmp_path: Path) -> None:
    settings = load(written(tmp_path, SMALLEST), {})
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    assert settings.socket_path == tmp_path / "api.sock"
    assert asterisk_secret(settings, {}) == "s3cret"


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("[asterisk]\nhsot = 'x'", "asterisk.hsot", "unknown key"),
        ("[astersk]\nhost = 'x'", "astersk", "unknown key"),
        ("folder = '/'", "folder", "unknown key"),
        ("[asterisk]\nport = '5038'", "asterisk.port", "expected a whole number"),
        ("[asterisk]\nport = 70000", "asterisk.port", "expected at most 65535"),
        ("[asterisk]\nport = true", "asterisk.port", "expected a whole number"),
        ("asterisk = 5", "asterisk", "expected a table of keys"),
        ("[employees]\npattern = '('", "employees.pattern", ": not a regular expression"),
        ("[employees]\nchannels = ['ok', '(']", "employees.channels.1", ": not a regular expression"),
        ("[agi]\nlisten = '4573'", "agi.listen", ": expected HOST:PORT"),
        ("[agi]\nlisten = '127.0.0.1:²'", "agi.listen", ": expected HOST:PORT"),
        ("[http]\nlisten = '999.1.1.1:80'", "http.listen", ": 999.1.1.1 is no address"),
        ("[http]\nlisten = '[::g]:80'", "http.listen", ": [::g] is no address"),
        ('[asterisk]\nsecret = "a\\nb"', "asterisk.secret", ": a line break"),
        ('[asterisk]\nusername = "a\\u0000b"', "asterisk.username", ": a line break"),
        ("[agi]\ndeadline_seconds = 0", "agi.deadline_seconds", "expected more than 0"),
        ("[dialing]\nallow_foreign = 'yes'", "dialing.allow_foreign", "expected true or false"),
        ("[service]\nlanguage = 'de'", "service.language", "'ru' or 'en'"),
        (
            "[asterisk]\ntls = 'on'\ntls_fingerprint = 'AB:CD'",
            "asterisk.tls_fingerprint",
            "expected a SHA-256 fingerprint",
        ),
        ("[asterisk]\ntls_ca_file = 'ca.crt'", "asterisk", 'need tls = "on"'),
        ("[numbers]\nregion = 'Russia'", "numbers.region", "expected a text of the form"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(tmp_path: Path, text: str, key: str, why: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    message = str(caught.value)
    assert message.startswith(f"{file}: {key}: ")
    assert why in message
    assert "\n" not in message
    assert caught.value.exit_status == 2


@given(st.text(max_size=200) | st.from_regex(r"\[[a-z]{1,9}\]\n[a-z_]{1,9} = .{0,20}", fullmatch=True))
def test_any_text_loads_or_is_refused_in_one_line(text: str) -> None:
    assert "\n" not in refusal(text)


def refusal(text: str) -> str:
    """Load the text from a file kept in memory; what was said against it, empty when accepted."""
    descriptor = os.memfd_create("pbxd.toml")
    try:
        os.write(descriptor, text.encode("utf-8", "surrogatepass"))
        load(f"/proc/self/fd/{descriptor}", {})
    except ConfigurationError as error:
        return str(error)
    finally:
        os.close(descriptor)
    return ""


def test_a_missing_named_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: can't be read: No such file"):
        load(str(tmp_path / "nowhere.toml"), {})


def test_a_folder_one_may_not_look_into_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").write_text("")
    monkeypatch.setattr("pbxd.settings.DEFAULT_PATH", tmp_path / "etc" / "pbxd.toml")  # ENOTDIR: root may look anywhere
    with pytest.raises(ConfigurationError, match=r"etc/pbxd\.toml: can't be read"):
        load(None, {})
    monkeypatch.setattr("pbxd.settings.DEFAULT_PATH", tmp_path / "pbxd.toml")
    assert load(None, {}) == Settings(folder=Path.cwd())


@pytest.mark.parametrize("secret", ["a\nb", "a\0b", "x" * 201])
def test_a_secret_ami_can_t_carry_names_file_and_key_but_not_itself(tmp_path: Path, secret: str) -> None:
    file = written(tmp_path, "")
    with pytest.raises(ConfigurationError) as caught:
        asterisk_secret(load(file, {}), {SECRET_VARIABLE: secret})
    assert str(caught.value).startswith(f"{file}: asterisk.secret: a line break")
    assert secret not in str(caught.value)


def test_mistakes_are_told_in_the_reader_s_language(tmp_path: Path) -> None:
    i18n.use("ru")
    try:
        for text, why in (
            ("[asterisk]\nport = 'x'", "asterisk.port: ожидается целое число"),
            ("[agi]\nlisten = 'x'", "agi.listen: ожидается ХОСТ:ПОРТ"),
            ("[service]\nlanguage = 'de'", "service.language: ожидается '', 'ru' or 'en'"),
        ):
            with pytest.raises(ConfigurationError, match=why):
                load(written(tmp_path, text), {})
    finally:
        i18n.use("en")


def test_the_variable_names_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[asterisk]\nname = 'other'")
    assert load(None, {"PBXD_CONFIG": file}).asterisk.name == "other"


def test_the_secret_comes_from_the_environment_then_the_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-file\n")
    settings = load(written(tmp_path, "[asterisk]\nsecret_file = 'secret'"), {})
    assert asterisk_secret(settings, {}) == "from-file"
    assert asterisk_secret(settings, {SECRET_VARIABLE: "from-environment"}) == "from-environment"


def test_a_credential_of_systemd_comes_before_the_file_of_its_name(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[asterisk]\nsecret_file = 'asterisk-secret'"), {})
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "asterisk-secret").write_text("from-file\n")
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert asterisk_secret(settings, environment) == "from-file"
    (credentials / "asterisk-secret").write_text("from-systemd\n")
    assert asterisk_secret(settings, environment) == "from-systemd"
    assert asterisk_secret(settings, {}) == "from-file"


def test_paths_of_the_link_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = "[asterisk]\ntls = 'on'\ntls_ca_file = 'pbx.crt'\ncapture_folder = '/captures'"
    link = load(written(tmp_path, text), {}).link
    assert (link.tls_ca_file, link.capture_folder) == (str(tmp_path / "pbx.crt"), "/captures")


def test_a_missing_secret_names_file_and_key(tmp_path: Path) -> None:
    file = written(tmp_path, "")
    with pytest.raises(ConfigurationError) as caught:
        asterisk_secret(load(file, {}), {})
    assert str(caught.value).startswith(f"{file}: asterisk.secret: missing")
    assert SECRET_VARIABLE in str(caught.value)


def test_an_unreadable_secret_file_names_file_and_key(tmp_path: Path) -> None:
    file = written(tmp_path, "[asterisk]\nsecret_file = 'nowhere'")
    with pytest.raises(ConfigurationError, match=re.escape(f"{file}: asterisk.secret_file: can't be read")):
        asterisk_secret(load(file, {}), {})
