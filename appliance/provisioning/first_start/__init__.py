"""The first start: what has to be seen to before the box is in service, step by step."""
