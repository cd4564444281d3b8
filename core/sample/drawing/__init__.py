"""How the specimens are drawn: smooth shapes, patterns laid on them, and the staging."""
