"""What a counted table is judged by: errors, warnings and the target."""
