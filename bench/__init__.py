"""Side-by-side benchmarks: everything compared runs in turns in one process; ratios are printed."""
