"""The `autodrop` command, the same against AWS and against the local AWS."""
