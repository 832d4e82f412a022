"""Which scopes whom."""

import pytest

from pbxd.actor import Actor
from pbxd.scopes import ALL, Scope, ScopeError, check_scope
from tests.actors import ADMINISTRATOR

OF_TOKENS = {"lookup", "calls:read", "calls:make", "queues:read"}


@pytest.mark.parametrize("scope", sorted(ALL))
@pytest.mark.parametrize(
    "actor", [Actor.token("crm"), Actor.token("crm", "101"), Actor.token("crm", acts_for_any=True)]
)
def test_a_token_has_the_four_that_it_always_had(actor: Actor, scope: Scope) -> None:
    check_scope(ADMINISTRATOR, scope)
    if scope in OF_TOKENS:
        check_scope(actor, scope)
    else:
        with pytest.raises(ScopeError, match=scope) as refused:
            check_scope(actor, scope)
        assert (refused.value.reason, refused.value.scope) == ("insufficient-scope", scope)
