"""The domain: interactions, the monitoring session, who may do what, history and audit."""
