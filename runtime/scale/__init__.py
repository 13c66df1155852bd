"""Runs in shards: kept on disk one by one, resumed, and spread over processes and machines."""
