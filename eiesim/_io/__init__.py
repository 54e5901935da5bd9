"""What every room uses: atomic writes, TOML, CSV, arrays read without trust."""
