"""Search by words, picture or both."""
