"""Lava: bundles of readable Lava processes for Loihi, and an engine that runs them."""
