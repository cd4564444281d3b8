"""Pictures: description, thumbnail, file."""
