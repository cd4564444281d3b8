"""Vectors of words and pictures, for those who compute with them."""
