"""The database: the only home of SQLAlchemy, of which it uses the core alone."""
