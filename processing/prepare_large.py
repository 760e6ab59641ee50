"""What the Spark container runs when a dropped file is too large for a function."""

from autodrop.preparation.running.job import main

main()
