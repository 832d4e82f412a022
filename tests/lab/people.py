"""Who works in the company of the lab: users of the pages, each with a phone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody who works with the pages; each has an own phone in the lab."""

    extension: str
    name: str
    role: str


AGENT = Person("101", "Иванова Анна", "agent")
COLLEAGUE = Person("102", "Петров Борис", "agent")
SUPERVISOR = Person("103", "Смирнова Вера", "supervisor")
ADMINISTRATOR = Person("104", "Кузнецов Глеб", "administrator")
PEOPLE = (AGENT, COLLEAGUE, SUPERVISOR, ADMINISTRATOR)
NEWCOMER = Person("105", "Морозова Дарья", "agent")  # an employee who has not signed in yet
