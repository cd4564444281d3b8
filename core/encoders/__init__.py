"""Text and images to unit vectors: one protocol, one real implementation (open_clip)."""
