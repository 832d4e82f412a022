"""The pages for people beside bare aiohttp + Jinja2, in a browser, and with two hundred people signed in."""

from tests.bench.pages.measuring import measure as measure
