"""Examples below the help of commands that are not obvious, by command. A test reads each as the program does."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final = {
    "lookup": ("pbxd lookup 89161234567 --calls",),
    "contacts add": ('pbxd contacts add --name "Фронкин Игорь" --number "+7 777 785-99-54" --company Ромашка',),
    "contacts edit": (
        'pbxd contacts edit 12 --add-number "8 495 123-45-67 доб. 123" --vip',
        'pbxd contacts edit 12 --label "+7 777 785-99-54=мобильный"',
    ),
    "contacts list": ("pbxd contacts list --search ромашка", "pbxd contacts list --manager 101 --vip"),
    "contacts import": (
        "pbxd contacts import clients.xlsx --dry-run",
        "pbxd contacts import clients.xlsx --errors errors.xlsx",
        'pbxd contacts import clients.csv --map "Кто=name" --map "Куда звонить=number"',
    ),
    "contacts imports": ("pbxd contacts imports --limit 100",),
    "contacts import-undo": ("pbxd contacts imports", "pbxd contacts import-undo 7"),
    "contacts template": ("pbxd contacts template template.xlsx",),
    "contacts export": ("pbxd contacts export clients.xlsx", "pbxd contacts export vip.vcf --vip"),
    "contacts erase": ("pbxd contacts erase --owner 101",),
    "companies merge": ("pbxd companies list --doubles", "pbxd companies merge 3 17"),
    "employees import": ("pbxd employees import employees.xlsx",),
    "employees edit": ("pbxd employees edit 101 --mobile +79161234567",),
    "employees same": ("pbxd employees same 101",),
    "employees replaced": ('pbxd employees replaced 101 --name "Иванова Анна"',),
    "call": ('pbxd call 101 "+7 777 785-99-54"', 'pbxd call 101 "Фронкин Игорь" --explain'),
    "calls list": ('pbxd calls list --from 01.12.2026 --client "+7 777 785-99-54"',),
    "calls export": ("pbxd calls export december.xlsx --from 01.12.2026 --to 31.12.2026",),
    "calls rebuild": ("pbxd calls rebuild --from 01.12.2026 --to 02.12.2026 --dry-run",),
    "privacy export": ('pbxd privacy export "+7 777 785-99-54" client.json',),
    "privacy erase": ('pbxd privacy erase "+7 777 785-99-54"',),
    "tokens create": (
        "pbxd tokens create crm --scope calls:make --as-any",
        "pbxd tokens create phone-of-101 --scope lookup --as 101",
    ),
    "db backup": ("pbxd db backup /var/backups/pbxd.db",),
}
