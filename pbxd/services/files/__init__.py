"""Files in and out: uploads, imports, exports, and the child process that does the long work."""
