"""The wire side: what requests and responses may look like, and the rules between their members."""
