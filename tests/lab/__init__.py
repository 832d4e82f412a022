"""A real Asterisk, real SIP phones and pbxd as a separate process, for tests, the demo and benchmarks. See README."""

from tests.lab.lab import Lab

__all__ = ["Lab"]
