"""The same query in several embed versions, side by side."""
