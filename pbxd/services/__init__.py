"""The application: it combines rights, storage, PBX and files; the adapters above call it."""
