"""Used everywhere: atomic writes of files and folders, reading without trust (TOML, CSV, arrays), file names."""
