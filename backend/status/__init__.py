"""How the museum stands: the pipeline, hosts, datasets by embed version."""
