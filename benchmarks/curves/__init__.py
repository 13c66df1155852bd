"""The parts of `scaling.py`: each measures one curve, and shows it as a table and a picture."""
