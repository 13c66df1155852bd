"""Recordings of event cameras: one file for each format, and how they become frames."""
