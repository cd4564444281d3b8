"""Looking through what passes filters, without a question to rank it by."""
