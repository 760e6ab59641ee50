"""What each Lambda function does, as one function a step over the ports of `autodrop.ports`."""
