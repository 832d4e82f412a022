"""The contact book: contacts, companies, employees, their changes."""
