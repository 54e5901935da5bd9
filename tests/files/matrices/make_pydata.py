"""Made the files beside it with sparse 0.19.3 and numpy 2.4.6: `python make_pydata.py`."""

import numpy as np
import sparse

rng = np.random.default_rng(7)
dense = np.where(rng.random((6, 5)) < 0.5, rng.choice([-0.75, 0.5, 1.25], (6, 5)), 0.0)
np.save("pydata_dense.npy", dense)
sparse.save_npz("pydata_coo.npz", sparse.COO.from_numpy(dense))
sparse.save_npz("pydata_gcxs_rows.npz", sparse.GCXS.from_numpy(dense, compressed_axes=(0,)))
sparse.save_npz("pydata_gcxs_columns.npz", sparse.GCXS.from_numpy(dense, compressed_axes=(1,)))
