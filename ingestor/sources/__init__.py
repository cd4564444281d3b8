"""Sources of records: an iterator of pages each, resumable."""
