"""What the parts of a call are called, for the pages: as exports and the command line call them."""

from pbxd.exchange.call_columns import direction_name, outcome_name

__all__ = ["direction_name", "outcome_name"]
