"""Sets of images to take away: files with receipts, and how to cite what was found."""
