"""Naming photos by rank, with the specimens that speak for each name."""
