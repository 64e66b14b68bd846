"""Huawei's SUN2000 with a LUNA2000 and a meter, behind a dongle or an EMMA."""

from sunhelm.simulator.faces.huawei.face import HuaweiFace
from sunhelm.simulator.faces.huawei.server import HuaweiServer

__all__ = ["HuaweiFace", "HuaweiServer"]
