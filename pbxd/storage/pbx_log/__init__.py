"""The PBX's own logs of calls (CEL, CDR), read for back-fill."""
