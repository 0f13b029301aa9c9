"""A table is read; another file is not."""

import pandas as pd

print(pd.read_csv("data.csv")["a"].sum())
try:
    pd.read_csv("/etc/passwd")
except RuntimeError as error:
    print("denied", error)
