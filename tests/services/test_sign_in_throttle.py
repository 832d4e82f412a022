"""Guessing is slowed down; nobody else is."""

from __future__ import annotations

from pbxd.services.access.sign_in_throttle import ADDRESS, LOGIN, PAIR, SignInThrottle

HERE, THERE = "192.0.2.1", "2001:db8:1:2::7"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def throttle() -> tuple[SignInThrottle, Clock]:
    clock = Clock()
    return SignInThrottle(clock), clock


def fail(tried: SignInThrottle, clock: Clock, login: str, address: str, times: int) -> list[float]:
    """Fail so often, each time as soon as it is allowed; return the delays."""
    waits = []
    for _attempt in range(times):
        waits.append(wait := tried.begin(login, address))
        if wait:
            clock.now += wait
            assert tried.begin(login, address) == 0
    return waits


def test_delays_grow_to_a_limit() -> None:
    waits = fail(*throttle(), "101", HERE, 20)
    assert waits == [0] * PAIR.free + [1, 2, 4, 8, 16, 32, 64, 128, 256] + [PAIR.longest_seconds] * 6


def test_a_refused_attempt_does_not_lengthen_the_delay() -> None:
    tried, clock = throttle()
    fail(tried, clock, "101", HERE, 6)
    first = tried.begin("101", HERE)
    assert {tried.begin("101", HERE) for _ in range(100)} == {first}


def test_attempts_at_once_count_before_they_end() -> None:
    tried, _clock = throttle()
    assert [tried.begin("101", HERE) > 0 for _ in range(PAIR.free + 2)] == [False] * PAIR.free + [True] * 2


def test_case_and_white_space_make_no_other_login() -> None:
    tried, clock = throttle()
    fail(tried, clock, "anna@example.org", HERE, PAIR.free)
    assert tried.begin(" Anna@Example.ORG ", HERE) > 0


def test_success_forgets_and_time_too() -> None:
    tried, clock = throttle()
    fail(tried, clock, "101", HERE, PAIR.free + 3)
    clock.now += 3601
    assert fail(tried, clock, "101", HERE, PAIR.free) == [0] * PAIR.free
    clock.now += 1
    assert tried.begin("101", HERE) == 0
    tried.succeeded("101", HERE)
    assert fail(tried, clock, "101", HERE, PAIR.free) == [0] * PAIR.free


def test_a_whole_office_is_not_locked_out() -> None:
    """Somebody behind the address guesses for hours, at one login and at many."""
    tried, clock = throttle()
    fail(tried, clock, "101", HERE, 100)
    assert tried.begin("102", HERE) == 0
    for number in range(3 * ADDRESS.free):
        tried.begin(str(number), HERE)
        clock.now += 0.2
    waits = [tried.begin("me", HERE)]
    tried.succeeded("me", HERE)
    waits += [tried.begin("me", HERE)]
    assert waits == [0, 0]


def test_many_logins_from_one_address_are_delayed() -> None:
    tried, clock = throttle()
    allowed = 0
    for second in range(100):
        clock.now = second / 100
        allowed += tried.begin(f"user {second}", HERE) == 0
    assert allowed <= ADDRESS.free + 5
    clock.now += 10
    assert tried.begin("101", HERE) == 0
    assert tried.begin("101", HERE) > 0, "once a login, no more"


def test_one_login_from_many_addresses_is_delayed_but_not_where_it_belongs() -> None:
    tried, clock = throttle()
    assert tried.begin("101", HERE) == 0
    tried.succeeded("101", HERE)
    for number in range(LOGIN.free):
        assert tried.begin("101", f"198.51.100.{number}") == 0
    assert tried.begin("101", "198.51.100.200") > 0
    assert tried.begin("101", HERE) == 0
    clock.now += LOGIN.longest_seconds
    assert tried.begin("101", "198.51.100.200") == 0


def test_an_ipv6_network_is_one_address() -> None:
    tried, clock = throttle()
    fail(tried, clock, "101", THERE, PAIR.free)
    assert tried.begin("101", "2001:db8:1:2:ffff::1") > 0
    assert tried.begin("101", "2001:db8:1:3::7") == 0
    assert tried.begin("101", "::ffff:192.0.2.1") == 0
    assert tried.begin("101", "no address") == 0


def test_memory_is_bounded() -> None:
    tried, clock = throttle()
    tried._pairs._kept.clear()
    for number in range(21_000):
        tried.begin(str(number), f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(tried._pairs._kept) == len(tried._logins._kept) == len(tried._addresses._kept) == 20_000
    del clock
