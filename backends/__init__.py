"""Places that event graphs go to: engines that execute them and targets with limits."""
