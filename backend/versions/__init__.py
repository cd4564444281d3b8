"""Embed versions."""
