"""What every part shares: settings, errors, records, images, database, vectors, encoders."""
