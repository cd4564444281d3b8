"""Thumbs on results, and what they say of the versions that gave them."""
