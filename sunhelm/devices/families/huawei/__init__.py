"""Huawei SUN2000 inverters, LUNA2000 batteries and what stands around them."""
