"""A local SageMaker: strict where AWS is strict, and real where it counts."""
