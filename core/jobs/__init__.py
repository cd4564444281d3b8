"""Work for workers: queued in the database, run once, followed on the Status page."""
