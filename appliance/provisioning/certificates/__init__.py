"""The certificate that the page is served with, and the authorities that the box believes."""
