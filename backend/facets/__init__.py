"""Counts by facet, year, month and place, under filters."""
