"""The atlas of a version: its points, their colours and names, and parts of it."""
