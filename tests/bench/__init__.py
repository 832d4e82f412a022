"""`make bench`: speed and memory, measured beside a reference in the same run; docs/bench.md tells how."""
