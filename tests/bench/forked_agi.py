"""A classic AGI script, started anew for every call: look the caller up in SQLite, set his name."""

import sqlite3
import sys

asked = {}
for line in sys.stdin:
    key, colon, value = line.strip().partition(": ")
    if not colon:
        break
    asked[key] = value
book = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
query = (
    "SELECT contacts.id, name, manager FROM contacts JOIN contact_numbers ON contact_id = contacts.id WHERE number = ?"
)
found = book.execute(query, ["+7" + asked["agi_callerid"][1:]]).fetchone()
status, values = ("found", found) if found else ("unknown", ("", "", ""))
names = "PBXD_STATUS,PBXD_CONTACT,CALLERID(name),PBXD_MANAGER"
sys.stdout.write(f'SET VARIABLE ARRAY({names}) "{",".join(map(str, (status, *values)))}"\n')
sys.stdout.flush()
sys.stdin.readline()
