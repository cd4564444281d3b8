"""Brings records and images in, and turns images into vectors."""
