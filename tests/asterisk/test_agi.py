"""The AGI protocol without sockets: messages under any chunking, and commands that Asterisk reads back exactly."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.agi.commands import MAX_COMMAND_BYTES, commands_for, failure_commands, set_variables
from pbxd.asterisk.agi.protocol import AgiHangup, AgiLimits, AgiMessage, AgiParser, AgiReply, AgiRequest, AgiSyntaxError
from pbxd.errors import InvalidInputError, ProtocolError
from pbxd.lookup.matching import Match, Status, phone_text

# As Asterisk 22.10.1 sent it.
REQUEST = """agi_network: yes
agi_network_script: lookup?for=101&x=%D0%AF+y&empty=
agi_request: agi://127.0.0.1:4573/lookup?for=101
agi_channel: PJSIP/trunk-00000000
agi_language: en
agi_type: PJSIP
agi_uniqueid: 1795303808.1
agi_version: 22.10.1
agi_callerid: 89161234567
agi_calleridname: Иванов "И" \\ <1>: x
agi_callingpres: 0
agi_callingani2: 0
agi_callington: 0
agi_callingtns: 0
agi_dnid: unknown
agi_rdnis: unknown
agi_context: from-trunk
agi_extension: s
agi_priority: 4
agi_enhanced: 0.0
agi_accountcode: 
agi_threadid: 140096601663168

""".encode()  # noqa: W291 - Asterisk writes an empty value with its blank
REPLIES = (
    b"200 result=1\r\n\n200 result=1 (a (b) c) endpos=7\n510 Invalid or unknown command\nHANGUP\n"
    b"520-Invalid command syntax.  Proper usage follows:\nSets a variable.\n\n520 End of proper usage.\n"
    b"511 Command Not Permitted on a dead channel or intercept routine\n200 result=-1 (hangup)\n"
)


def read(chunks: list[bytes], limits: AgiLimits | None = None) -> tuple[list[AgiMessage], str]:
    """Return the messages and the error, as its class and text."""
    parser = AgiParser(limits or AgiLimits())
    messages: list[AgiMessage] = []
    try:
        for chunk in chunks:
            parser.feed(chunk)
            while message := parser.next_message():
                messages.append(message)
    except ProtocolError as error:
        return messages, f"{type(error).__name__}: {error}"
    return messages, ""


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def request_with(headers: str) -> AgiRequest:
    messages, error = read([f"{headers}\n\n".encode()])
    assert not error
    assert isinstance(messages[0], AgiRequest)
    return messages[0]


def test_request_of_a_real_asterisk() -> None:
    (request,), error = read([REQUEST])
    assert not error
    assert isinstance(request, AgiRequest)
    assert request.script == "lookup"
    assert request.query == {"for": "101", "x": "Я y", "empty": ""}
    assert request.caller_number == "89161234567"
    assert request.caller_name == 'Иванов "И" \\ <1>: x'
    assert request.headers["agi_accountcode"] == ""
    assert len(request.headers) == 22


def test_carriage_returns_change_nothing() -> None:
    assert read([REQUEST.replace(b"\n", b"\r\n")]) == read([REQUEST])


def test_replies() -> None:
    messages, error = read([REQUEST + REPLIES])
    assert not error
    assert messages[1:] == [
        AgiReply(200, "1", ""),
        AgiReply(200, "1", "a (b) c"),
        AgiReply(510, "", "Invalid or unknown command"),
        AgiHangup(),
        AgiReply(
            520,
            "",
            "520-Invalid command syntax.  Proper usage follows:\nSets a variable.\n\nEnd of proper usage.",
        ),
        AgiReply(511, "", "Command Not Permitted on a dead channel or intercept routine"),
        AgiReply(200, "-1", "hangup"),
    ]


@given(st.lists(st.integers(min_value=0)), st.booleans())
def test_any_chunking_gives_the_same_messages(cuts: list[int], carriage_returns: bool) -> None:
    stream = REQUEST + REPLIES
    if carriage_returns:
        stream = stream.replace(b"\r", b"").replace(b"\n", b"\r\n")
    assert read(split(stream, cuts)) == read([stream])


PIECES = st.sampled_from(
    [b"agi_a: 1", b"agi_", b"agi", b"\n", b"\r", b"\n\n", b": ", b"200 result=1", b"520-x", b"520 x"]
)


@given(st.lists(PIECES | st.binary(max_size=12), max_size=30), st.lists(st.integers(min_value=0), max_size=20))
def test_any_chunking_of_anything_gives_the_same_messages_and_error(pieces: list[bytes], cuts: list[int]) -> None:
    limits = AgiLimits(line_bytes=24, headers=3, total_bytes=60)
    stream = b"".join(pieces)
    whole = read([stream], limits)
    assert read(split(stream, cuts), limits) == whole
    assert read([stream[n : n + 1] for n in range(len(stream))], limits) == whole


@given(st.lists(st.tuples(st.sampled_from("abc_9"), st.binary(max_size=9)), min_size=1, max_size=5))
def test_headers_read_at_once_are_those_read_line_by_line(headers: list[tuple[str, bytes]]) -> None:
    lines = [b"agi_%b:%b" % (name.encode(), re.sub(rb"[\r\n]", b"", value)) for name, value in headers]
    messages, error = read([b"".join(line + b"\n" for line in lines) + b"\n"])
    by_lines = read([b"".join(line + b"\r\n" for line in lines) + b"\r\n"])
    assert (messages, error) == by_lines
    assert [type(message) for message in messages] == [AgiRequest]


@given(st.binary())
def test_whatever_follows_a_request_only_named_errors_come(noise: bytes) -> None:
    messages, _error = read([REQUEST, noise])
    assert isinstance(messages[0], AgiRequest)
    read([noise])


@pytest.mark.parametrize(
    "stream",
    [
        b"\n",
        b"\r\n",
        b"\rX",
        b"G",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"agx",
        b"agi_a\n",
        b"agi_\n",
        b"agi_a 1\n",
        b"agi_\xff: 1\n\n",
        b"agi_a: 1\nx",
        b"\x00" * 5,
        b"agi_a: 1\n\nnonsense\n",
        b"agi_a: 1\n\n200result=1\n",
    ],
)
def test_no_agi_is_refused(stream: bytes) -> None:
    assert read([stream])[1].startswith("AgiSyntaxError")


def test_limits_hold_before_a_newline_comes() -> None:
    limits = AgiLimits(line_bytes=100, headers=3, total_bytes=250)
    assert read([b"agi_a: ".ljust(100, b"x")], limits) == ([], "")
    assert read([b"agi_a: ".ljust(101, b"x")], limits)[1].startswith("AgiLimitError: AGI line longer")
    assert read([b"agi_a: ".ljust(100, b"x") + b"\n\n"], limits)[1] == ""
    assert read([b"agi_a: 1\nagi_b: 1\nagi_c: 1\n\n"], limits)[1] == ""
    assert read([b"agi_a: 1\n" * 4], limits)[1].startswith("AgiLimitError: more than 3")
    assert read([(b"agi_a: ".ljust(90, b"x") + b"\n") * 3], limits)[1].startswith("AgiLimitError: AGI message longer")
    query = "&".join(f"a{n}=1" for n in range(21))
    assert read([f"agi_network_script: lookup?{query}\n\n".encode()])[1].startswith("AgiLimitError: more than 20")


def test_an_endless_reply_is_cut() -> None:
    assert read([REQUEST, b"520-usage\n", b"blah\n" * 20000])[1].startswith("AgiLimitError")
    assert read([REQUEST, b"\n" * 70000])[1].startswith("AgiLimitError")


def test_an_error_is_final() -> None:
    parser = AgiParser()
    parser.feed(b"nonsense\n")
    for _again in range(2):
        with pytest.raises(AgiSyntaxError):
            parser.next_message()
    parser.feed(REQUEST)
    with pytest.raises(AgiSyntaxError):
        parser.next_message()


def test_invalid_utf8_is_replaced_and_the_first_of_two_headers_counts() -> None:
    messages, _error = read([b"agi_calleridname: \xd0\x98\xd0\nagi_callerid: 1\nagi_callerid: 2\n\n"])
    assert messages == [AgiRequest("", {}, {"agi_calleridname": "И\ufffd", "agi_callerid": "1"})]


@pytest.mark.parametrize(
    ("headers", "number"),
    [
        ("agi_callerid: unknown", ""),
        ("agi_language: en", ""),
        ("agi_callerid: 89161234567\nagi_callingpres: 0", "89161234567"),
        ("agi_callerid: 89161234567\nagi_callingpres: 3", "89161234567"),
        ("agi_callerid: 89161234567\nagi_callingpres: 67", "89161234567"),
        ("agi_callerid: 89161234567\nagi_callingpres: x", "89161234567"),
        ("agi_callerid: 89161234567\nagi_callingpres: 32", "anonymous"),
        ("agi_callerid: 89161234567\nagi_callingpres: 35", "anonymous"),
    ],
)
def test_caller_number(headers: str, number: str) -> None:
    assert request_with(headers).caller_number == number


def asterisk_arguments(line: str) -> list[str]:
    """Split a command as parse_args of res_agi.c does."""
    words: list[str] = []
    quoted = escaped = False
    blank = True
    for letter in line:
        if letter == '"' and not escaped:
            quoted = not quoted
            if quoted and blank:
                words.append("")
                blank = False
        elif letter in " \t" and not quoted and not escaped:
            blank = True
        elif letter == "\\" and not escaped:
            escaped = True
            continue
        else:
            if blank:
                words.append("")
                blank = False
            words[-1] += letter
        escaped = False
    return words


def asterisk_array(value: str) -> list[str]:
    """Split a value as ARRAY does: __ast_app_separate_args of app.c with remove_chars."""
    parts = [""]
    parentheses = brackets = 0
    quoted = False
    letters = iter(value)
    for letter in letters:
        if letter == "\\":
            parts[-1] += next(letters, "")
        elif letter == '"':
            quoted = not quoted
        elif letter == "," and not (parentheses or quoted or brackets):
            parts.append("")
        else:
            parentheses = max(0, parentheses + (letter == "(") - (letter == ")"))
            brackets = max(0, brackets + (letter == "[") - (letter == "]"))
            parts[-1] += letter
    return parts


VALUES = st.text(
    st.sampled_from('\\",()[] \t;=<>${}|') | st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=60
)


@given(VALUES)
def test_a_value_reaches_asterisk_exactly(value: str) -> None:
    command = set_variables({"CALLERID(name)": value})
    *words, argument = asterisk_arguments(command.line)
    assert words == ["SET", "VARIABLE", "ARRAY(CALLERID(name))"]
    assert asterisk_array(argument) == [value]
    assert command.to_bytes() == command.line.encode() + b"\n"


@given(VALUES, VALUES, VALUES)
def test_several_values_reach_asterisk_exactly(one: str, two: str, three: str) -> None:
    command = set_variables({"A": one, "CALLERID(name)": two, "B": three})
    *_words, name, value = asterisk_arguments(command.line)
    assert name == "ARRAY(A,CALLERID(name),B)"
    assert asterisk_array(value) == [one, two, three]


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "\n", "\ud800", "x" * 2048])
def test_a_value_that_can_not_be_said_is_refused(value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        set_variables({"A": "1", "B": value})
    assert caught.value.field == "value"


def test_the_longest_command_fits_asterisks_buffer() -> None:
    room = MAX_COMMAND_BYTES - len('SET VARIABLE ARRAY(A) ""\n')
    assert len(set_variables({"A": "x" * room}).to_bytes()) == 2047
    with pytest.raises(InvalidInputError):
        set_variables({"A": "x" * (room + 1)})
    with pytest.raises(InvalidInputError):
        set_variables({"A": "Я" * (room // 2 + 1)})


@pytest.mark.parametrize("name", ["", "A B", 'A"', "A\n", "1A", "A(", "A(b)c", "A,B", "${A}", "SHELL(rm *)", "Я"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        set_variables({name: "x"})
    assert caught.value.field == "name"


def variables(match: Match, name: str = "from trunk") -> dict[str, str]:
    request = request_with(f"agi_calleridname: {name}")
    (command,) = commands_for(match, request, vip_priority=10)
    *_words, array, value = asterisk_arguments(command.line)
    names = re.findall(r"[A-Z_]+(?:\(name\))?", array.removeprefix("ARRAY(").removesuffix(")"))
    return dict(zip(names, asterisk_array(value), strict=True))


def a_match(status: Status, *, contact: int | None = None, vip: bool = False, manager: str = "") -> Match:
    named = status in {"found", "shared", "company", "employee"}
    return Match(
        status=status,
        number="+79161234567",
        name='Фронкин "И", [x]' if named else "",
        company="",
        contact=contact,
        vip=vip,
        manager=manager,
        rule="",
        rivals=(),
    )


@pytest.mark.parametrize("status", ["unknown", "withheld", "unreadable", "error"])
def test_without_a_match_the_trunks_name_stays_and_old_answers_go(status: Status) -> None:
    assert variables(a_match(status)) == {"PBXD_STATUS": status, "PBXD_CONTACT": "", "PBXD_MANAGER": ""}


def test_a_match_names_the_caller() -> None:
    match = a_match("found", contact=42, manager="101")
    assert variables(match) == {
        "PBXD_STATUS": "found",
        "PBXD_CONTACT": "42",
        "PBXD_MANAGER": "101",
        "CALLERID(name)": phone_text(match),
    }


@pytest.mark.parametrize("status", ["shared", "company", "employee"])
def test_every_kind_of_match_names_the_caller(status: Status) -> None:
    assert variables(a_match(status))["CALLERID(name)"] == phone_text(a_match(status))


def test_a_name_already_there_is_not_said_again() -> None:
    match = a_match("found", contact=42)
    assert "CALLERID(name)" not in variables(match, name=phone_text(match))


def test_an_employees_own_name_for_the_caller_is_not_written_on_the_call() -> None:
    request = request_with("agi_network_script: lookup?for=101")
    for public, name in ((Match("unknown"), ""), (Match("company", name="Ромашка"), "Ромашка")):
        (command,) = commands_for(a_match("found", contact=42), request, 10, public=public)
        *_words, array, value = asterisk_arguments(command.line)
        names = array.removeprefix("ARRAY(").removesuffix(")").split(",")
        values = dict(zip(names, asterisk_array(value), strict=True))
        assert values.get("CALLERID(name)", "") == name
        assert (values["_PBXD_NAME"], values["_PBXD_NAME_FOR"]) == (phone_text(a_match("found")), "101")


def test_a_vip_gets_his_rank_and_nobody_else_does() -> None:
    assert variables(a_match("found", contact=42, vip=True))["QUEUE_PRIO"] == "10"
    assert "QUEUE_PRIO" not in variables(a_match("found", contact=42))


def test_a_failure_says_so_and_leaves_nothing_of_a_former_answer() -> None:
    (command,) = failure_commands()
    assert asterisk_arguments(command.line)[2:] == ["ARRAY(PBXD_STATUS,PBXD_CONTACT,PBXD_MANAGER)", "error,,"]
