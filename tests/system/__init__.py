"""The whole way: trained model to spikes, compared with independent computations."""
