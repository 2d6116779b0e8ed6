"""Settings, layers of YAML, messages and families of classes; knows no transport."""
