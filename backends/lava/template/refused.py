"""What ends a run with one sentence."""


class Refused(Exception):
    """What the user can mend; printed as one sentence."""


class BadEnvironment(Refused):
    """This Python or its packages are not what the network was written for."""
