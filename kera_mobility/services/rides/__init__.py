"""What rides on demand are made of: virtual stops, dispatching, promises."""
