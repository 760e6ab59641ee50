"""The job side: what runs in the process of an AutoML job or of a transform job."""
