"""Which program writes which headings, a module for each kind of program. `book.headings` has the whole table."""
