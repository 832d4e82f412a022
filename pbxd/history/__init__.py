"""The history of calls: events followed into calls, recorded, replayed, and filled from the PBX's log."""
