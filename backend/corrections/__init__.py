"""What photos really show, by those who know better than the model."""
