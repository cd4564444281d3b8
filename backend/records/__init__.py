"""Records: what is known of a specimen."""
