"""The HTTP server of `tests/http`."""

from tests.http.conftest import empty_book as empty_book
from tests.http.conftest import pbxd as pbxd
from tests.http.conftest import unlinked as unlinked
