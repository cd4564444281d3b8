"""Tables, connections, the embedded server, and the partitions of embed versions."""
