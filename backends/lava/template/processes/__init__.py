"""The network's own Lava processes.

Lava looks for process models by importing every file of the folder that a process comes from, so
this folder holds nothing that acts on import.
"""
