"""The HTTP API beside a bare aiohttp handler and beside the same questions asked in-process."""

from tests.bench.http.measuring import measure as measure
