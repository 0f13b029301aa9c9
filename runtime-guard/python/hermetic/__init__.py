"""hermetic's runtime guard."""
