"""Naming a photo by rank: evidence for taxa, and where on the way to the species it ends."""
