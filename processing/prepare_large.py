"""What the Spark container runs when a dropped file is too large for a function."""

from autodrop.aws.processing import main

main()
