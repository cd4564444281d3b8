"""Query pictures kept for a while."""
