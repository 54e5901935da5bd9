"""JSON Schema of every JSON document that eiesim writes: made from classes, shipped as files in `data/`."""
