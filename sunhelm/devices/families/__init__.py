"""Families: one folder a system; data first, code only for what data cannot say."""
