"""AWS on a laptop: MiniStack with a SageMaker that trains real models."""
