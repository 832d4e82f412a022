"""The PBX's logs of calls (CEL, CDR), read for back-fill."""
