"""The CxEngage driver: REST, an SQS queue for events, and voice signalling over a WebSocket."""
