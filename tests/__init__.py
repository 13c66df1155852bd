"""Tests; they mirror the sources folder by folder."""
