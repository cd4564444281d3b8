"""Jobs: what workers and commands do, and asking for more."""
