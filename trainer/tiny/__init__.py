"""Training of models/specimen-tiny, a small open_clip model, on drawings of the sample museum."""
