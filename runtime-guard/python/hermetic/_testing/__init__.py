"""Policies for tests, below the plugins for pytest: which policy a test has, and what became of it."""
