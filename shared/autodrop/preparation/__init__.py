"""From a dropped file to training, test and truth files."""
