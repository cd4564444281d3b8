"""The atlas: a flat map of one version's vectors, on which near points look alike to its model."""
