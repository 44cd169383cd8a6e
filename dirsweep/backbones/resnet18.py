"""ResNet-18, features of 512 numbers."""

from __future__ import annotations

from typing import ClassVar

from dirsweep.backbones.resnet import ResNetConfig
from dirsweep.registry import register


@register("backbone", "resnet18")
class ResNet18Config(ResNetConfig):
    """torchvision's ResNet-18 without its classifier (He et al., CVPR 2016)."""

    display_name: ClassVar[str] = "ResNet-18"

    architecture: ClassVar[str] = "resnet18"
