"""Thin adapters for AWS. `ClientError` is translated here and nowhere else."""
