"""autodrop: drop a CSV in a bucket, get a trained model, scored predictions and a report."""

VERSION = "0.1.0"
