"""ResNet-50, features of 2048 numbers; the papers' backbone for images."""

from __future__ import annotations

from typing import ClassVar

from dirsweep.backbones.resnet import ResNetConfig
from dirsweep.registry import register


@register("backbone", "resnet50")
class ResNet50Config(ResNetConfig):
    """torchvision's ResNet-50 without its classifier (He et al., CVPR 2016)."""

    display_name: ClassVar[str] = "ResNet-50"

    architecture: ClassVar[str] = "resnet50"
