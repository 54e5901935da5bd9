"""How EIE's layers are made: Deep Compression (Han et al., ICLR 2016)."""
