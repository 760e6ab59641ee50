"""The container images that Autopilot names; nothing here pulls them."""

from __future__ import annotations


def inference_image(region: str) -> str:
    """The inference image of ENSEMBLING candidates in a region."""
    return _image(region, "autogluon-inference")


def training_image(region: str) -> str:
    """The training image of ENSEMBLING candidates in a region."""
    return _image(region, "autogluon-training")


def clarify_image(region: str) -> str:
    """The image that writes the explainability reports in a region."""
    return f"205585389593.dkr.ecr.{region}.amazonaws.com/sagemaker-clarify-processing:1.0"


def _image(region: str, name: str) -> str:
    registry = f"763104351884.dkr.ecr.{region}.amazonaws.com"
    return f"{registry}/{name}:0.4.3-cpu-py38-ubuntu20.04"
