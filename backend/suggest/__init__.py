"""Suggestions while typing: names and collections to filter by, words to search with."""
