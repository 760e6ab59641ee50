"""Where AWS keeps its Spark container.

The registries are those of AWS's own list, which has no others:
https://github.com/aws/sagemaker-spark-container/blob/master/available_images.md
"""

from __future__ import annotations

# The newest release. It has Python 3.12; those for Python 3.9 are too old for this code.
_IMAGE = "sagemaker-spark-processing:3.5-cpu-py312-v1.3"
_REGISTRIES = {
    "af-south-1": "309385258863",
    "ap-east-1": "732049463269",
    "ap-northeast-1": "411782140378",
    "ap-northeast-2": "860869212795",
    "ap-south-1": "105495057255",
    "ap-southeast-1": "759080221371",
    "ap-southeast-2": "440695851116",
    "ca-central-1": "446299261295",
    "cn-north-1": "671472414489",
    "cn-northwest-1": "844356804704",
    "eu-central-1": "906073651304",
    "eu-north-1": "330188676905",
    "eu-south-1": "753923664805",
    "eu-west-1": "571004829621",
    "eu-west-2": "836651553127",
    "eu-west-3": "136845547031",
    "me-south-1": "750251592176",
    "sa-east-1": "737130764395",
    "us-east-1": "173754725891",
    "us-east-2": "314815235551",
    "us-west-1": "667973535471",
    "us-west-2": "153931337802",
}


def spark_image(region: str) -> str:
    """Return the URI of the Spark container in a region, empty where AWS lists none."""
    registry = _REGISTRIES.get(region)
    if registry is None:
        return ""
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{registry}.dkr.ecr.{region}.{domain}/{_IMAGE}"
