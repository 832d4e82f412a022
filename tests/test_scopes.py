"""Which scopes whom."""

import pytest

from pbxd.rights import ADMINISTRATORS, Actor
from pbxd.scopes import ALL, Scope, ScopeError, check_scope

OF_TOKENS = {"lookup", "calls:read", "calls:make", "queues:read"}


@pytest.mark.parametrize("scope", sorted(ALL))
@pytest.mark.parametrize("actor", [Actor(), Actor("101"), Actor(as_any=True, extension="101")])
def test_a_token_has_the_four_that_it_always_had(actor: Actor, scope: Scope) -> None:
    check_scope(ADMINISTRATORS, scope)
    if scope in OF_TOKENS:
        check_scope(actor, scope)
    else:
        with pytest.raises(ScopeError, match=scope) as refused:
            check_scope(actor, scope)
        assert (refused.value.reason, refused.value.scope) == ("insufficient-scope", scope)
