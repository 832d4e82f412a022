"""Which scopes whom."""

import pytest

from pbxd.actor import Actor
from pbxd.rights import ScopeError, check_scope
from pbxd.scopes import ALL, Scope
from tests.actors import ADMINISTRATOR, acting_token

OF_TOKENS = {"lookup", "calls:read", "calls:make", "queues:read"}


@pytest.mark.parametrize("scope", sorted(ALL))
@pytest.mark.parametrize(
    "actor", [acting_token("crm"), acting_token("crm", "101"), acting_token("crm", acts_for_any=True)]
)
def test_a_token_has_the_four_that_it_always_had(actor: Actor, scope: Scope) -> None:
    check_scope(ADMINISTRATOR, scope)
    if scope in OF_TOKENS:
        check_scope(actor, scope)
    else:
        with pytest.raises(ScopeError, match=scope) as refused:
            check_scope(actor, scope)
        assert (refused.value.reason, refused.value.scope) == ("insufficient-scope", scope)
