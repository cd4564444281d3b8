"""The HTTP face: REST API and the web page."""
