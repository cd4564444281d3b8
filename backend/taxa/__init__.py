"""Taxa: the tree of what is shown, and a page for each."""
