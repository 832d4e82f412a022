"""The command line on a database of its own, as in `tests/cli`."""

from tests.cli.conftest import bare as bare
from tests.cli.conftest import empty_book as empty_book
from tests.cli.conftest import pbxd as pbxd
