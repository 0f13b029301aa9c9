"""A typed file."""

number: int = 1
