"""Saved sets of queries that measure one version against another."""
