"""A database in memory and one in a file."""

import sqlite3

print(sqlite3.connect(":memory:").execute("select 1").fetchone()[0])
try:
    sqlite3.connect("file.db")
except RuntimeError as error:
    print("denied", error)
