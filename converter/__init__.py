"""From a trained model to event graphs: import, normalise, lower, make integer."""
