"""Makes and judges encoders."""
