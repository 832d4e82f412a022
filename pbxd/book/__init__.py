"""The contact book as plain values: contacts, companies, employees. Pure."""
